/**
 * Shows each visitor a phone number of his own. On the page, before `</body>`:
 *
 *   <script async src="https://calls.example.org/dni.js" data-key="…" data-number="+74952222222"></script>
 *
 * `data-key` is the site's key (`sites[].snippet.key`), `data-number` the number that the page itself shows, with its
 * country code. It is swapped in `tel:` links to it and in the text of elements marked `data-ct-number`, in the notation
 * found there. Whatever fails, the page goes on showing its own number. docs/snippet.md tells more.
 */
(function (page, doc) {
  'use strict';
  var script = doc.currentScript;
  if (!script) return;
  var key = script.getAttribute('data-key');
  var own = script.getAttribute('data-number') || '';
  // As one writes at home (8 495 …, 020 …) it says nothing of the country, and another would be shown in its place.
  if (!key || digitsOf(own).length < 7 || /^[^+\d]*[08]/.test(own)) {
    page.console.warn('dni.js needs data-key, and data-number with its country code: +7 495 …');
    return;
  }
  own = digitsOf(own);
  var api = script.src.replace(/dni\.js.*$/, 'dni/' + encodeURIComponent(key) + '/leases');

  var STORE = 'calltrack';
  var IDLE_MS = 1800000; // the usual half hour after which analytics begin a new visit
  var TIMEOUT_MS = 5000;
  var RETRY_MS = 15000;
  var MAX_RETRY_MS = 300000;

  var shown = own;
  var ends = 0; // of the lease
  var dueAt = 0;
  var retryMs = RETRY_MS;
  var timer;
  var asking = false;
  var visit = readVisit();

  // --- The visit ------------------------------------------------------------------------------------------------

  function readVisit() {
    var query = new URLSearchParams(page.location.search);
    var ad = {};
    ['utm_source', 'utm_medium', 'utm_campaign', 'utm_content', 'utm_term', 'gclid', 'yclid'].forEach(function (name) {
      if (query.get(name)) ad[name] = query.get(name).slice(0, 500);
    });
    var known = recall() || {};
    var clicked = Object.keys(ad).length > 0 && JSON.stringify(ad) !== JSON.stringify(known.ad);
    // A new ad clicked is a new visit, however soon.
    if (!known.id || Date.now() - known.at > IDLE_MS || clicked) {
      var referrer = doc.referrer.indexOf(page.location.origin + '/') === 0 ? '' : doc.referrer;
      known = {
        id: random(),
        visitor: known.visitor || random(),
        landing: page.location.href,
        referrer: referrer,
        ad: ad,
      };
    }
    return known;
  }

  function recall() {
    try {
      return JSON.parse(page.localStorage.getItem(STORE));
    } catch (e) {
      return null; // no storage, or not ours: a visit of one page
    }
  }

  function remember() {
    visit.at = Date.now();
    try {
      page.localStorage.setItem(STORE, JSON.stringify(visit));
    } catch (e) {
      // the same
    }
  }

  function random() {
    var bytes = page.crypto.getRandomValues(new Uint8Array(16));
    return Array.prototype.map
      .call(bytes, function (byte) {
        return (byte + 256).toString(16).slice(1);
      })
      .join('');
  }

  function cookie(pattern) {
    var found = pattern.exec(doc.cookie);
    return found ? found[1] : null;
  }

  /** The session as the lease API has it; asking again with it extends its lease. Analytics set their cookies late, so they are read at each request. */
  function session() {
    var ad = visit.ad;
    return {
      id: visit.id,
      visitorId: visit.visitor,
      landingPage: visit.landing.slice(0, 2000),
      referrer: visit.referrer.slice(0, 2000) || null,
      utm: {
        source: ad.utm_source,
        medium: ad.utm_medium,
        campaign: ad.utm_campaign,
        content: ad.utm_content,
        term: ad.utm_term,
      },
      keyword: ad.utm_term,
      gclid: ad.gclid,
      yclid: ad.yclid,
      gaClientId: cookie(/(?:^|; )_ga=GA\d\.\d\.(\d+\.\d+)/),
      ymClientId: cookie(/(?:^|; )_ym_uid=(\d+)/),
    };
  }

  // --- The lease ------------------------------------------------------------------------------------------------

  function ask() {
    page.clearTimeout(timer);
    if (asking || doc.visibilityState === 'hidden') return; // nobody reads the number
    asking = true;
    remember();
    var abort = new AbortController();
    var deadline = page.setTimeout(function () {
      abort.abort();
    }, TIMEOUT_MS);
    // As plain text, which needs no question beforehand whether it may be asked (CORS preflight).
    page
      .fetch(api, {
        method: 'POST',
        body: JSON.stringify({ session: session() }),
        headers: { 'Content-Type': 'text/plain' },
        credentials: 'omit',
        signal: abort.signal,
      })
      .then(function (answer) {
        if (!answer.ok) throw new Error(answer.status);
        return answer.json();
      })
      .then(function (given) {
        retryMs = RETRY_MS;
        ends = Date.now() + given.expiresInSeconds * 1000;
        show(digitsOf(given.number || '') || own);
        plan(given.askAgainSeconds * 1000);
      })
      .catch(function () {
        // By now the number may be somebody else's.
        if (Date.now() > ends) show(own);
        plan(retryMs);
        retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
      })
      .then(function () {
        page.clearTimeout(deadline);
        asking = false;
        if (dueAt <= Date.now()) ask();
      });
  }

  function plan(ms) {
    dueAt = Date.now() + ms;
    timer = page.setTimeout(ask, ms);
  }

  doc.addEventListener('visibilitychange', function () {
    if (Date.now() >= dueAt) ask();
  });

  // --- The page -------------------------------------------------------------------------------------------------

  function digitsOf(text) {
    return text.replace(/\D/g, '');
  }

  /**
   * How `digits` write a number shown here; null where they are another. People at home leave out the country code and may
   * begin with 8 or 0 instead: `8 495 …` and `495 …` for `+7 495 …`, `90 …` for `+998 90 …`.
   */
  function readShown(digits) {
    var read = null;
    [own, shown].forEach(function (number) {
      // Codes have one digit in zones 1 and 7, two or three elsewhere (E.164).
      [0].concat(/^[17]/.test(number) ? 1 : [2, 3]).forEach(function (length) {
        var rest = number.slice(length);
        var trunk = digits.slice(0, -rest.length);
        if (rest.length > 5 && /^[08]?$/.test(trunk) && digits === trunk + rest)
          read = read || { trunk: trunk, code: number.slice(0, length), length: number.length };
      });
    });
    return read;
  }

  /** `number` in the notation of `text`, which is one that is shown: its digits in the place of the digits there. */
  function inNotationOf(text, number) {
    var read = readShown(digitsOf(text));
    if (!read) return text;
    // What is left out goes without saying within one country only.
    if (number.length !== read.length || number.indexOf(read.code) !== 0) return '+' + number;
    var put = read.trunk + number.slice(read.code.length);
    var next = 0;
    return text.replace(/\d/g, function () {
      return put[next++];
    });
  }

  function swapText(element) {
    var walker = doc.createTreeWalker(element, 4 /* text */);
    while (walker.nextNode()) {
      var node = walker.currentNode;
      var text = node.data.replace(/\+?\d[\d\s().\u2010-\u2015-]{5,}\d/g, function (found) {
        return inNotationOf(found, swapText.to);
      });
      if (text !== node.data) node.data = text;
    }
  }

  function swapIn(root) {
    root.querySelectorAll('[data-ct-number]').forEach(swapText);
    root.querySelectorAll('a[href^="tel:"]').forEach(function (link) {
      if (!readShown(digitsOf(decoded(link.getAttribute('href').slice(4))))) return;
      link.setAttribute('href', 'tel:+' + swapText.to);
      swapText(link);
    });
  }

  /** As it stands where it cannot be decoded: `tel:%PHONE%` of a template that nobody filled in is no number. */
  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch (e) {
      return text;
    }
  }

  function show(number) {
    swapText.to = number;
    swapIn(doc);
    var changed = number !== shown;
    shown = number;
    if (changed)
      doc.dispatchEvent(new CustomEvent('calltrack:number', { detail: { number: '+' + number, session: visit.id } }));
  }

  // What the page adds or writes anew later shows the same number.
  var frame = 0;
  new MutationObserver(function () {
    if (shown === own || frame) return;
    frame = page.requestAnimationFrame(function () {
      frame = 0;
      swapIn(doc);
    });
  }).observe(doc.documentElement, { childList: true, subtree: true, characterData: true });

  ask();
})(window, document);
