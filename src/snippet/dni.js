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
  var LOOK_MS = 15000;
  var GAP = '[\\s()./\\u200b-\\u200d\\u2010-\\u2015\\u2060\\u2212-]*'; // between two digits of a number
  // A tag manager and the page may both bring it, and some bring it again with each view.
  var running = (page.calltrackRunning = page.calltrackRunning || {});
  if (running[key + own]) return;
  running[key + own] = true;

  // What was changed, by the page's number that stood there: of several with one key all show the same, and each is to come back.
  var owners = (page.calltrackOwners = page.calltrackOwners || new WeakMap());

  // For who begins to listen when the number has come.
  var numbers = (page.calltrackNumbers = page.calltrackNumbers || {});

  var shown = own;
  var code; // promo code; undefined until there is one
  var ends = 0; // of the lease
  var codeEnds = 0;
  var dueAt = 0;
  var retryMs = RETRY_MS;
  var timer;
  var asking = false;
  var told = false; // that there is anything else to show than the page does
  var learnt = []; // numbers that were ever shown here
  var notations = []; // of all of these
  var anyNotation;
  var visit = readVisit();

  // --- The visit ------------------------------------------------------------------------------------------------

  function readVisit() {
    var query = new URLSearchParams(page.location.search);
    var ad = {};
    ['utm_source', 'utm_medium', 'utm_campaign', 'utm_content', 'utm_term', 'gclid', 'yclid'].forEach(function (name) {
      if (query.get(name)) ad[name] = query.get(name).slice(0, 500);
    });
    // Another script of this page has begun it: it may stand nowhere else.
    var known = page.calltrackVisit || recall();
    var clicked = Object.keys(ad).length > 0 && JSON.stringify(ad) !== JSON.stringify(known && known.ad);
    // A new ad clicked is a new visit, however soon.
    if (!known || Math.abs(Date.now() - known.at) > IDLE_MS || clicked) {
      var referrer = doc.referrer.indexOf(page.location.origin + '/') === 0 ? '' : doc.referrer;
      known = {
        id: random(),
        visitor: (known && known.visitor) || random(),
        landing: page.location.href,
        referrer: referrer,
        ad: ad,
      };
    }
    return (page.calltrackVisit = known);
  }

  function recall() {
    try {
      var kept = JSON.parse(page.localStorage.getItem(STORE));
      // Others may use the same name.
      return isText(kept.id) && isText(kept.landing) && isText(kept.referrer) && kept.ad && kept.at > 0 ? kept : null;
    } catch (e) {
      return null; // no storage, or not ours: a visit of one page
    }
  }

  function isText(value) {
    return typeof value === 'string';
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
      gaClientId: cookie(/(?:^|; )_ga=GA\d\.[\d-]+\.(\d+\.\d+)/),
      ymClientId: cookie(/(?:^|; )_ym_uid=(\d+)/),
    };
  }

  // --- The lease ------------------------------------------------------------------------------------------------

  function ask() {
    page.clearTimeout(timer);
    if (asking || doc.visibilityState === 'hidden') return; // nobody reads the number
    asking = true;
    follow();
    var asked = visit.id;
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
        if (given.code) codeEnds = Date.now() + given.codeExpiresInSeconds * 1000;
        show(digitsOf(given.number || '') || own, given.code);
        plan(given.askAgainSeconds * 1000);
      })
      .catch(function () {
        // By now the number may be somebody else's.
        if (Date.now() > ends) show(own, Date.now() > codeEnds ? null : code);
        plan(retryMs);
        retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
      })
      .then(function () {
        page.clearTimeout(deadline);
        asking = false;
        if (visit.id !== asked || dueAt <= Date.now()) ask();
      });
  }

  function plan(ms) {
    dueAt = Date.now() + ms;
    timer = page.setTimeout(ask, ms);
  }

  function look() {
    if (doc.visibilityState === 'hidden') return;
    if (follow() || Date.now() >= dueAt) ask();
  }

  /** While the page is seen the visit goes on; where another ad was clicked in another tab, it is that one. */
  function follow() {
    var latest = recall();
    var isOther = latest && latest.at > visit.at && latest.id !== visit.id;
    if (isOther) visit = page.calltrackVisit = latest;
    remember();
    return isOther;
  }

  doc.addEventListener('visibilitychange', look);
  // Taken out of the browser's memory by "back".
  page.addEventListener('pageshow', look);
  // Timers stand still while the machine sleeps; leases do not.
  page.setInterval(look, LOOK_MS);

  // --- The page -------------------------------------------------------------------------------------------------

  function digitsOf(text) {
    return text.replace(/\D/g, '');
  }

  /**
   * How a number may be written that was ever shown here (a part of the page that was put away may bring it back): with its
   * country code, and a 0 in parentheses behind it, or as people at home do, who leave the code out and may begin with 8, 0 or
   * both instead: `8 495 …` and `495 …` for `+7 495 …`, `90 …` for `+998 90 …`, `8 (017) …` for `+375 17 …`.
   */
  function learn(number) {
    if (learnt.indexOf(number) >= 0) return;
    learnt.push(number);
    // Codes have one digit in zones 1 and 7, two or three elsewhere (E.164).
    (/^[17]/.test(number) ? [1] : [3, 2]).forEach(function (length) {
      var rest = number.slice(length);
      if (rest.length < 6) return;
      var prefix = number.slice(0, length);
      var abroad = '(?:\\+|00)?' + gapped(prefix) + '(?:0' + GAP + ')?';
      var atHome = '(?:8' + GAP + ')?(?:0' + GAP + ')?';
      notations.push({
        isOwn: number === own,
        code: prefix,
        rest: rest.length,
        pattern: '(?:' + abroad + '|' + atHome + ')' + gapped(rest).slice(0, -GAP.length),
      });
    });
    var each = notations.map(function (one) {
      return '(' + one.pattern + ')';
    });
    anyNotation = new RegExp('(^|\\D)(?:' + each.join('|') + ')(?!\\d)', 'g');
  }

  function gapped(digits) {
    return digits.replace(/\d/g, '$&' + GAP);
  }

  /** `number` in the notation of `text`, which is one of `notation`: its digits in the place of the digits there. */
  function inNotationOf(text, notation, number) {
    var code = notation.code;
    // What is left out goes without saying within one country only.
    if (number.length !== code.length + notation.rest || number.indexOf(code) !== 0) return '+' + number;
    var next = code.length + notation.rest - digitsOf(text).length;
    return text.replace(/\d/g, function (digit) {
      next += 1;
      return next > code.length ? number[next - 1] : digit;
    });
  }

  /** Puts the number shown into these nodes, read as one text; each keeps its part of it. */
  function swapNodes(nodes) {
    var texts = nodes.map(function (node) {
      return node.data;
    });
    var whole = texts.join('');
    var letters = whole.split('');
    function nodeAt(at) {
      var n = 0;
      while (at >= texts[n].length) {
        at -= texts[n].length;
        n += 1;
      }
      return nodes[n];
    }
    whole.replace(anyNotation, function (match, before) {
      var groups = [].slice.call(arguments, 2, -2);
      var at = arguments[arguments.length - 2] + before.length;
      var i = 0;
      while (groups[i] === undefined) i += 1;
      var found = groups[i];
      // `+1 495 …` is another country's.
      if (found[0] !== '+' && /\+\d{1,3}[\s().-]*$/.test(whole.slice(0, at))) return;
      if (!isOurs(nodeAt(at), notations[i])) return;
      var put = inNotationOf(found, notations[i], shown);
      for (i = 0; i < found.length; i += 1) letters[at + i] = put.length === found.length ? put[i] : i ? '' : put;
    });
    var from = 0;
    nodes.forEach(function (node, i) {
      var text = letters.slice(from, (from += texts[i].length)).join('');
      if (text === node.data) return;
      owners.set(node, own);
      node.data = text;
    });
  }

  /** Numbers within one node each, then those that markup divides: `<b>8 495</b> 222-22-22`. */
  function swapText(element) {
    var walker = doc.createTreeWalker(element, 4 /* text */);
    var nodes = [];
    while (walker.nextNode()) {
      nodes.push(walker.currentNode);
      swapNodes([walker.currentNode]);
    }
    if (nodes.length > 1) swapNodes(nodes);
  }

  function isShown(digits, link) {
    return notations.some(function (one) {
      return isOurs(link, one) && new RegExp('^' + one.pattern + '$').test(digits);
    });
  }

  /** Whether a number found there in this notation is of this script: the page's own, or what was put in its place. */
  function isOurs(node, notation) {
    return notation.isOwn || (owners.get(node) || own) === own;
  }

  function swapPage() {
    doc.querySelectorAll('[data-ct-number]').forEach(swapText);
    doc.querySelectorAll('a[href^="tel:" i]').forEach(function (link) {
      if (!isShown(digitsOf(decoded(link.getAttribute('href').slice(4))), link)) return;
      if (link.getAttribute('href') !== 'tel:+' + shown) {
        owners.set(link, own);
        link.setAttribute('href', 'tel:+' + shown);
      }
      swapText(link);
    });
    if (code === undefined) return;
    doc.querySelectorAll('[data-ct-code],[data-ct-with-code]').forEach(function (element) {
      // One code in one place: of two sites' scripts each would take the other's away, for ever.
      if ((owners.get(element) || own) !== own) return;
      owners.set(element, own);
      if (element.hasAttribute('data-ct-code') && element.textContent !== code) element.textContent = code;
      if (element.hasAttribute('data-ct-with-code') && element.hidden !== !code) element.hidden = !code;
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

  function show(number, newCode) {
    var before = shown + code;
    shown = number;
    if (newCode || code) code = newCode || '';
    learn(number);
    told = told || number !== own || !!code;
    swapPage();
    if (shown + code === before) return;
    var detail = { number: '+' + number, session: visit.id, code: code || null };
    numbers['+' + own] = detail;
    doc.dispatchEvent(new CustomEvent('calltrack:number', { detail: detail }));
  }

  // What the page adds or writes anew later shows the same number.
  var frame = 0;
  new MutationObserver(function () {
    if (!told || frame) return;
    frame = page.requestAnimationFrame(function () {
      frame = 0;
      swapPage();
    });
  }).observe(doc.documentElement, {
    childList: true,
    subtree: true,
    characterData: true,
    attributes: true,
    attributeFilter: ['href', 'data-ct-number'],
  });

  learn(own);
  // What the browser makes ready by itself is a visit once it is shown; a click into a tab behind is one at once.
  if (!doc.prerendering) remember();
  ask();
})(window, document);
