const TIMEOUT_MS = 5000;

/** Logs in to the console as a browser does, and gives the page of calls. */
export async function openCallsPage(url: string, login: { name: string; password: string }): Promise<string> {
  const form = await ask(`${url}/login`, {});
  const token = /name="_csrf" value="([^"]+)"/.exec(await form.text())?.[1] ?? '';
  const entered = await ask(`${url}/login`, {
    method: 'POST',
    body: new URLSearchParams({ _csrf: token, ...login }),
    headers: { Cookie: cookiesOf(form) },
  });
  return await (await ask(`${url}/calls`, { headers: { Cookie: cookiesOf(entered) } })).text();
}

const ask = (address: string, init: RequestInit): Promise<Response> =>
  fetch(address, { ...init, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });

const cookiesOf = (response: Response): string =>
  response.headers
    .getSetCookie()
    .map((line) => line.split(';')[0] ?? '')
    .filter((pair) => !pair.endsWith('='))
    .join('; ');
