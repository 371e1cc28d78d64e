/* The live page: the server draws, this puts it where it belongs. */
(() => {
  'use strict';
  const place = document.getElementById('live');
  const state = document.getElementById('live-state');
  const source = new EventSource(place.dataset.stream);
  const up = () => (state.textContent = state.dataset.up);
  const down = () => (state.textContent = state.dataset.down);
  source.addEventListener('open', up);
  source.addEventListener('error', () => {
    down();
    // Refused for good: the session is over, and the page will say so.
    if (source.readyState === EventSource.CLOSED) location.reload();
  });
  source.addEventListener('away', down);
  source.addEventListener('view', (event) => {
    up();
    // Whoever stands on a row with the keyboard stays there.
    const focused = document.activeElement?.getAttribute('href');
    const inside = place.contains(document.activeElement);
    place.innerHTML = JSON.parse(event.data);
    if (inside && focused) [...place.querySelectorAll('a')].find((a) => a.getAttribute('href') === focused)?.focus();
  });
  window.addEventListener('pagehide', () => source.close());
})();
