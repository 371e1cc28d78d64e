/* What every page does by itself: errors of parts of a page, keys, the list of keys. */
(() => {
  'use strict';
  const flash = document.getElementById('flash');

  const isPersons = ({ triggeringEvent }) => triggeringEvent?.isTrusted === true;
  // What is given up for the next question is no error; htmx would write it to the browser's console as two, unless its
  // details name none.
  const asked = new WeakMap();
  document.addEventListener('htmx:beforeRequest', ({ detail }) => asked.set(detail.elt, detail));
  document.addEventListener(
    'htmx:abort',
    ({ detail }) => {
      const request = asked.get(detail.elt);
      if (request) request.error = null;
    },
    true,
  );
  // A part of a page that failed is told at the top, and what was there stays.
  document.body.addEventListener('htmx:beforeSwap', (event) => {
    const { xhr, requestConfig } = event.detail;
    // What a page asks by itself takes back only what it has told itself.
    const by = isPersons(requestConfig) ? 'person' : 'page';
    if (xhr.status < 400) {
      if (by === 'person' || flash.dataset.by === 'page') flash.replaceChildren();
      return;
    }
    flash.dataset.by = by;
    // Somebody in front of a gateway that is away has a page of his own.
    const ours = xhr.getResponseHeader('X-Request-Id') !== null;
    if (!ours) offline();
    event.detail.shouldSwap = ours && xhr.status !== 401;
    event.detail.target = flash;
    event.detail.swapOverride = 'innerHTML';
  });
  // Whoever works by the keyboard goes on where he was, though what he stood on is gone: htmx finds by its id what is
  // drawn anew. Of a row that has gone it is the same of the row in its place, of a tag the field for the next one.
  const rowsNow = () => [...document.querySelectorAll('[data-rows] tbody tr')];
  let left = null;
  document.body.addEventListener('htmx:beforeSwap', ({ detail }) => {
    // What a page asks by itself comes between what a person does and what is seen of it.
    if (!isPersons(detail.requestConfig)) return;
    const row = document.activeElement.closest('[data-rows] tbody tr');
    const { act } = document.activeElement.dataset;
    left = row && { at: rowsNow().indexOf(row), what: act ? `[data-act=${act}]` : 'a' };
  });
  document.body.addEventListener('htmx:afterSettle', (event) => {
    if (document.activeElement !== document.body) return;
    if (event.detail.target.id === 'remarks') document.getElementById('tag-name')?.focus();
    const rows = rowsNow();
    if (left) rows[Math.min(left.at, rows.length - 1)]?.querySelector(left.what)?.focus();
    left = null;
  });
  // What is being typed beside the form that was sent outlives the drawing of its part of the page.
  const typedIn = (place) =>
    [...place.querySelectorAll('form[method=post] :is(input, textarea)[id]')].filter(({ value }) => value !== '');
  let beside = [];
  document.body.addEventListener('htmx:beforeSwap', ({ detail: { target, requestConfig } }) => {
    beside = typedIn(target).filter((field) => !requestConfig.elt.contains(field));
  });
  document.body.addEventListener('htmx:afterSwap', () => {
    for (const { id, value } of beside) {
      const field = document.getElementById(id);
      if (field) field.value = value;
    }
    beside = [];
  });
  // A search changes the address; where a form leads back to says what it was when the page came.
  document.body.addEventListener('submit', (event) => {
    const { back } = event.target.elements;
    if (back) back.value = location.pathname + location.search;
  });
  // Who must log in again in the middle of a sentence finds it where he typed it; nobody else does.
  const DRAFT = 'calltrack-draft';
  const me = document.querySelector('.who')?.textContent;
  document.body.addEventListener('htmx:beforeOnLoad', ({ detail: { xhr } }) => {
    if (xhr.status !== 401) return;
    const typed = typedIn(document).map(({ id, value }) => [id, value]);
    sessionStorage.setItem(DRAFT, JSON.stringify({ me, page: location.pathname, typed }));
  });
  const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? 'null');
  if (draft?.page === location.pathname) {
    sessionStorage.removeItem(DRAFT);
    for (const [id, value] of draft.me === me ? draft.typed : []) {
      const field = document.getElementById(id);
      if (!field) continue;
      field.value = value;
      field.focus();
    }
  }
  function offline() {
    flash.textContent = flash.dataset.offline;
    // Over as soon as anything is answered again.
    flash.dataset.by = 'page';
  }
  document.body.addEventListener('htmx:sendError', offline);

  /** What the key says on a Latin keyboard: with Cyrillic letters the same keys do the same. Autofill tells of a key that is none. */
  const SIGNS = { Comma: ',', Period: '.', Slash: '/' };
  function keyOf({ key = '', code = '' }) {
    if (key.length !== 1 || key <= '~') return key;
    return /^Key[A-Z]$/.test(code) ? code.slice(3).toLowerCase() : (SIGNS[code] ?? key);
  }

  /** Whether it is on the clipboard now; browsers give pages that came without TLS none, but let them copy what is selected. */
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const before = document.activeElement;
      const field = document.createElement('textarea');
      field.value = text;
      field.className = 'unseen';
      document.body.append(field);
      field.select();
      const done = document.execCommand('copy');
      field.remove();
      before?.focus();
      return done;
    }
  }
  window.calltrack = { keyOf, copy };

  const keys = document.getElementById('keys');
  const showKeys = () => keys.showModal();
  document.querySelector('[data-keys-open]')?.addEventListener('click', showKeys);

  const typing = (element) =>
    element instanceof HTMLElement && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));

  function moveRow(by) {
    const rows = [...document.querySelectorAll('[data-rows] [data-row]')];
    if (rows.length === 0) return;
    const at = rows.indexOf(document.activeElement);
    rows[Math.min(rows.length - 1, Math.max(0, at + by))].focus();
  }

  function goTo(path) {
    document.querySelector(`.top nav a[href="${path}"]`)?.click();
  }

  const GO = { c: '/calls', m: '/missed', l: '/live', t: '/capacity', o: '/operators', a: '/audit' };
  let going = 0;
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || keys.open) return;
    // Between the search field and what it has found lie a dozen fields.
    if (event.key === 'ArrowDown' && event.target.matches?.('[data-search]')) {
      event.preventDefault();
      moveRow(1);
    }
    if (typing(event.target)) return;
    const key = keyOf(event);
    if (Date.now() - going < 1500 && key in GO) {
      going = 0;
      event.preventDefault();
      goTo(GO[key]);
    } else if (key === 'g') going = Date.now();
    else if (key === '?') showKeys();
    else if (key === '/') {
      const field = document.querySelector('[data-search]');
      if (!field) return;
      event.preventDefault();
      field.focus();
      field.select();
    } else if (key === 'j') moveRow(1);
    else if (key === 'k') moveRow(-1);
  });

  document.body.addEventListener('click', async (event) => {
    const button = event.target.closest?.('[data-copy]');
    if (!button) return;
    const field = document.getElementById(button.dataset.copy);
    const done = await copy(field.value);
    flash.textContent = done ? button.dataset.done : button.dataset.failed;
    if (!done) field.select();
  });
})();
