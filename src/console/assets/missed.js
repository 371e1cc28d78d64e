/* The queue of those to call back: the page asks again by itself, and changes what has changed only. */
(() => {
  'use strict';
  const queue = document.getElementById('queue');
  const rowsOf = (place) => [...place.querySelectorAll('tbody tr')];

  // What somebody does himself comes first: the answer to what was asked before would undo it on the screen.
  const underWay = new Set();
  document.body.addEventListener('htmx:beforeRequest', (event) => {
    const { elt, xhr } = event.detail;
    if (elt !== queue) {
      underWay.add(xhr);
      window.htmx.trigger(queue, 'htmx:abort');
    } else if (document.hidden || underWay.size > 0 || isTooSoon(event.detail)) event.preventDefault();
    else asked = performance.now();
  });
  let changed = false;
  // A long list is much to read and to draw: it is asked for in its turn, at most ten times as seldom.
  const [ROWS, ROWS_MS] = [500, 5000];
  let asked = -Infinity;
  const isTooSoon = ({ requestConfig }) =>
    !changed &&
    requestConfig.triggeringEvent?.type !== 'refresh' &&
    performance.now() - asked < ROWS_MS * (rowsOf(queue).length / ROWS - 0.5);
  document.body.addEventListener('htmx:afterRequest', ({ detail }) => {
    if (!underWay.delete(detail.xhr)) return;
    changed = true;
    window.htmx.trigger(queue, 'refresh');
  });
  document.addEventListener('visibilitychange', () => window.htmx.trigger(queue, 'refresh'));
  // What is on the screen, so that nothing is sent where it is still so. Whoever has changed something himself sees what
  // has come of it, and not what somebody else was shown a moment ago.
  let shown = null;
  queue.addEventListener('htmx:configRequest', ({ detail }) => {
    if (detail.elt !== queue) return;
    detail.parameters.shown = rowsOf(queue).filter((row) => !row.matches('.older')).length;
    if (changed) detail.parameters.anew = 'yes';
    else if (shown) detail.headers['If-None-Match'] = shown;
  });

  // What one is about to click stays where it is; the next drawing comes soon.
  const AIM_MS = 2000;
  let moved = -AIM_MS;
  for (const event of ['pointermove', 'pointerdown'])
    queue.addEventListener(event, () => (moved = performance.now()), { passive: true });
  const aims = () => performance.now() - moved < AIM_MS && queue.querySelector(':is(a, button):hover') !== null;

  queue.addEventListener('htmx:beforeSwap', (event) => {
    const { xhr } = event.detail;
    if (event.target !== queue || ![200, 304].includes(xhr.status)) return;
    event.detail.shouldSwap = false;
    if (xhr.status === 304 || (aims() && !changed)) return;
    changed = false;
    draw(xhr.response);
    shown = xhr.getResponseHeader('ETag');
  });

  function draw(html) {
    const drawn = document.createElement('template');
    drawn.innerHTML = html;
    const [count, list] = ['waiting', 'list'].map((id) => drawn.content.getElementById(id));
    // Said by readers of the screen when it changes, and then only.
    renew(document.getElementById('waiting'), count);
    const before = new Set(newsOf(queue));
    const back = wayBack();
    const [rows, next] = [document.querySelector('#list tbody'), list.querySelector('tbody')];
    if (rows && next) renewRows(rows, next);
    else renew(document.getElementById('list'), list);
    back();
    const news = newsOf(queue).filter((one) => !before.has(one));
    if (news.length > 0) document.getElementById('news').textContent = news.join('. ');
  }
  const newsOf = (place) => [...place.querySelectorAll('[data-news]')].map((row) => row.dataset.news);

  // Who dials takes him, too.
  queue.addEventListener('click', (event) => {
    event.target.closest('a[href^="tel:"]')?.closest('tr').querySelector('[data-act=take]')?.click();
  });

  /** To where the keyboard stands; where that row has gone, to the name in the row in its place: Enter does nothing there. */
  function wayBack() {
    const before = document.activeElement;
    const row = before.closest('#list tr');
    if (!row) return () => undefined;
    const { key } = row.dataset;
    const at = rowsOf(queue).indexOf(row);
    const place = [...row.querySelectorAll('a, button')].indexOf(before);
    return () => {
      if (document.activeElement === before) return;
      const rows = rowsOf(queue);
      const same = rows.find((one) => one.dataset.key === key);
      const to = same ?? rows[Math.min(at, rows.length - 1)];
      const all = to?.querySelectorAll('a, button') ?? [];
      (all[same ? place : 0] ?? all[0] ?? document.getElementById('main')).focus({ preventScroll: true });
    };
  }

  function renewRows(body, next) {
    const there = new Map(rowsOf(queue).map((row) => [row.dataset.key, row]));
    const rows = [...next.children].map((row) => renewRow(there.get(row.dataset.key), row));
    const fresh = rows.filter((row) => !body.contains(row));
    const stay = new Set(rows);
    for (const row of there.values()) if (!stay.has(row)) row.remove();
    let at = body.firstElementChild;
    // Who stays between those who stay is not moved: he would lose the keyboard.
    for (const row of rows) {
      if (row === at) at = at.nextElementSibling;
      else body.insertBefore(row, at);
    }
    for (const row of fresh) window.htmx.process(row);
  }

  function renewRow(row, next) {
    if (!row) return next;
    for (const name of ['class', 'data-news']) {
      if (next.hasAttribute(name)) row.setAttribute(name, next.getAttribute(name));
      else row.removeAttribute(name);
    }
    [...row.cells].forEach((cell, n) => renew(cell, next.cells[n]));
    return row;
  }

  function renew(place, next) {
    if (place.innerHTML === next.innerHTML) return;
    place.replaceChildren(...next.childNodes);
    window.htmx.process(place);
  }
})();
