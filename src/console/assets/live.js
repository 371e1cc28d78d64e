/* The live page: the server draws, this puts it where it belongs. */
(() => {
  'use strict';
  const place = document.getElementById('live');
  const state = document.getElementById('live-state');
  const up = () => (state.textContent = state.dataset.up);
  const down = () => (state.textContent = state.dataset.down);
  // Sent away because too many look: the connection that ends then is not lost, and comes back by itself.
  let full = false;
  let source = null;
  const AGAIN_MS = 3000;

  function listen() {
    source = new EventSource(place.dataset.stream);
    source.addEventListener('full', () => {
      full = true;
      state.textContent = state.dataset.full;
    });
    source.addEventListener('away', down);
    source.addEventListener('view', (event) => {
      full = false;
      up();
      waiting = JSON.parse(event.data);
      show();
    });
    source.addEventListener('error', () => {
      if (!full) down();
      // Browsers come back by themselves to what breaks off, and never to what was refused.
      if (source.readyState === EventSource.CLOSED) setTimeout(askAgain, AGAIN_MS);
    });
  }

  /** Over is the session, and the page will say so, or the gateway is away and somebody in front of it has answered. */
  async function askAgain() {
    const answer = await fetch(location.href, { redirect: 'manual', method: 'HEAD' }).catch(() => null);
    if (answer?.ok) listen();
    else if (answer === null || answer.status >= 500) setTimeout(askAgain, AGAIN_MS);
    else location.reload();
  }

  /** What stands for an element in the next drawing too. */
  const nameOf = (element) => element?.id || element?.getAttribute('href');
  function draw(html) {
    // Whoever stands on a row or a button with the keyboard stays there.
    const inside = place.contains(document.activeElement);
    const focused = inside && nameOf(document.activeElement);
    place.innerHTML = html;
    window.htmx.process(place);
    if (focused) [...place.querySelectorAll('a, button')].find((one) => nameOf(one) === focused)?.focus();
  }

  // A button that is replaced between press and release is not clicked: drawing waits for that long.
  let pressed = false;
  let waiting = null;
  function show() {
    if (pressed || waiting === null) return;
    draw(waiting);
    waiting = null;
  }
  place.addEventListener('pointerdown', () => (pressed = true));
  for (const event of ['pointerup', 'pointercancel']) {
    window.addEventListener(event, () => {
      pressed = false;
      setTimeout(show);
    });
  }
  listen();
  window.addEventListener('pagehide', () => source.close());
  // The page may come back as it was left.
  window.addEventListener('pageshow', ({ persisted }) => persisted && listen());
})();
