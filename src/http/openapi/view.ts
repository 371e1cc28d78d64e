import { typeText } from '../../events/type-text.js';
import type { JsonSchema } from '../../events/json-schema.js';
import type { Content, DescribedAnswer, DescribedOperation, OpenApiDocument } from './document.js';

/** The OpenAPI document as one page: no script, no other file, nothing from elsewhere. */
export function docsPage(document: OpenApiDocument): string {
  const { paths, webhooks, components, tags, info } = document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const groups = tags.map(({ name }) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(name));
    return `<h2 id="${text(name)}">${text(name)}</h2>${own.map(operationView).join('')}`;
  });
  const events = Object.entries(webhooks).map(([type, { post }]) => eventView(type, post));
  const schemas = Object.entries(components.schemas).map(([name, schema]) => schemaView(name, schema));
  const contents = [...tags.map(({ name }) => name), 'events', 'schemas'];
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(info.title)}: HTTP interface and events</title><style>${DOCS_STYLE}</style></head>
<body>
<nav aria-label="Contents"><strong>${text(info.title)}</strong><ul>${contents
    .map((name) => `<li><a href="#${text(name)}">${text(name)}</a></li>`)
    .join('')}</ul><p><a href="/openapi.json">openapi.json</a></p></nav>
<main>
<h1>HTTP interface and events</h1>
<p>${prose(String(info['description']))}</p>
${groups.join('\n')}
<h2 id="events">events</h2>
<p>Sent to the webhooks of the configuration, in the feed at <a href="#getEvents">/v1/events</a> and live at
<a href="#getCallsLive">/v1/calls/live</a>: the same bodies everywhere.</p>
${events.join('\n')}
<h2 id="schemas">schemas</h2>
${schemas.join('\n')}
</main>
</body>
</html>
`;
}

export const DOCS_STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--link:#0b57d0}
@media(prefers-color-scheme:dark){:root{--link:#8ab4f8}}
body{margin:0;font:16px/1.5 system-ui,sans-serif;display:grid;grid-template-columns:14rem minmax(0,1fr)}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1.5rem;box-sizing:border-box;border-right:1px solid var(--line)}
nav ul{list-style:none;padding:0}main{padding:1.5rem 2.5rem;max-width:60rem}a{color:var(--link)}
section{border-top:1px solid var(--line);padding:1rem 0}h2{margin-top:3rem}h3{margin:0;font-size:1.05rem}
h3 b{text-transform:uppercase;font-size:.8rem;letter-spacing:.04em}
code,pre{font:.875em/1.45 ui-monospace,monospace}pre{background:var(--soft);padding:.8rem;overflow:auto;max-height:28rem}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line)}
summary{cursor:pointer;padding:.2rem 0}.scope{border:1px solid var(--line);border-radius:.3rem;padding:0 .4rem;font-size:.85rem}
@media(max-width:48rem){body{display:block}nav{position:static;height:auto;border:0}main{padding:1rem}}
`;

function operationView({
  path,
  method,
  operation,
}: {
  path: string;
  method: string;
  operation: DescribedOperation;
}): string {
  const needs = operation.security ? 'no key' : (operation['x-scope'] ?? 'any key');
  return `<section id="${text(operation.operationId ?? '')}">
<h3><b>${text(method)}</b> <code>${text(path)}</code> <span class="scope">${text(needs)}</span></h3>
<p>${prose(operation.summary)}. ${prose(operation.description ?? '')}</p>
${parametersView(operation)}${bodyView(operation)}${Object.entries(operation.responses).map(answerView).join('')}
</section>`;
}

function parametersView({ parameters = [] }: DescribedOperation): string {
  if (parameters.length === 0) return '';
  const rows = parameters.map(
    ({ name, in: where, required = false, description = '', schema }) =>
      `<tr><td><code>${text(name)}</code></td><td>${text(where)}${required ? ', required' : ''}</td><td><code>${text(
        parameterType(schema),
      )}</code></td><td>${prose(description)}</td></tr>`,
  );
  return `<table><thead><tr><th>parameter</th><th>in</th><th>type</th><th>meaning</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function parameterType(schema: JsonSchema): string {
  const format = schema['format'] ?? schema['pattern'];
  return typeof format === 'string' ? `${typeText(schema)} (${format})` : typeText(schema);
}

function bodyView({ requestBody }: DescribedOperation): string {
  return Object.entries(requestBody?.content ?? {})
    .map(([type, content]) => `<p>Body <small>${text(type)}</small></p>${contentView(content)}`)
    .join('');
}

function answerView([status, { description, content = {} }]: [string, DescribedAnswer]): string {
  const line = `<code>${text(status)}</code> ${prose(description)}`;
  const [type, body] = Object.entries(content)[0] ?? [];
  if (type === undefined || body === undefined || type.startsWith('application/problem')) return `<p>${line}</p>`;
  return `<details><summary>${line} <small>${text(type)}</small></summary>${contentView(body)}</details>`;
}

function contentView({ schema, example }: Content): string {
  if (example === undefined) return `<pre>${text(typeText(schema))}</pre>`;
  const shown = typeof example === 'string' ? example : JSON.stringify(example, null, 2);
  return `<pre>${text(typeText(schema))}</pre><pre>${text(shown)}</pre>`;
}

function eventView(type: string, { summary, requestBody }: DescribedOperation): string {
  const [body] = Object.values(requestBody?.content ?? {});
  return `<section id="${text(type)}"><h3><code>${text(type)}</code></h3><p>${prose(summary)}</p>
<details><summary>example</summary><pre>${text(JSON.stringify(body?.example, null, 2))}</pre></details></section>`;
}

function schemaView(name: string, schema: JsonSchema): string {
  const about = schema.description === undefined ? '' : `<p>${prose(schema.description)}</p>`;
  return `<section id="schema-${text(name)}"><h3><code>${text(name)}</code></h3>${about}<details><summary>fields</summary><pre>${text(typeText(schema))}</pre></details></section>`;
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const text = (value: string): string => value.replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? sign);
/** Text in which `code` stands between backticks. */
const prose = (value: string): string => text(value).replace(/`([^`]+)`/g, '<code>$1</code>');
