/* The player: a waveform for each side, keys, speed, silence, one side alone, links to a second. */
(() => {
  'use strict';
  const root = document.getElementById('player');
  if (!root) return;
  const { keyOf, copy } = window.calltrack;
  const audio = document.getElementById('sound');
  const by = (id) => document.getElementById(id);
  const [play, position, clock, speed, skip, said] = ['play', 'position', 'clock', 'speed', 'skip', 'said'].map(by);
  const mutes = [...root.querySelectorAll('[data-mute]')];
  const seconds = Number(root.dataset.seconds);

  const two = (n) => String(n).padStart(2, '0');
  function words(at) {
    const [h, m, s] = [Math.floor(at / 3600), Math.floor(at / 60) % 60, Math.floor(at) % 60];
    return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  }

  // Nothing of the sound is asked for before somebody plays it: each request of it is a hearing in the audit log.
  let wave = null;
  function seek(at) {
    audio.currentTime = Math.min(Math.max(0, at), seconds);
    wave?.setTime(audio.currentTime);
    show();
  }
  function toggle() {
    if (audio.paused) audio.play().catch(fail);
    else audio.pause();
  }
  function fail(error) {
    // Who stops it before it has begun has nothing wrong.
    if (error.name === 'AbortError') return;
    said.textContent = root.dataset.failed;
  }
  // Under the hand that draws it the slider stays; else it goes with the sound, for who moves it by keys too.
  let held = false;
  position.addEventListener('pointerdown', () => (held = true));
  for (const event of ['pointerup', 'pointercancel']) window.addEventListener(event, () => (held = false));
  function show() {
    const at = audio.currentTime;
    clock.textContent = words(at);
    if (!held) position.value = String(Math.floor(at));
    position.setAttribute('aria-valuetext', words(at));
  }
  audio.addEventListener('timeupdate', show);
  audio.addEventListener('playing', () => (said.textContent = ''));
  audio.addEventListener('error', (error) => {
    fail(error);
    // The page says why: the session is over, and what was being typed is kept, or the recording has been deleted.
    window.htmx.ajax('GET', root.dataset.peaks, { swap: 'none' });
  });
  for (const event of ['play', 'pause', 'ended']) {
    audio.addEventListener(event, () => (play.textContent = audio.paused ? root.dataset.play : root.dataset.pause));
  }
  play.addEventListener('click', toggle);
  by('back').addEventListener('click', () => seek(audio.currentTime - 5));
  by('forward').addEventListener('click', () => seek(audio.currentTime + 5));
  position.addEventListener('input', () => seek(Number(position.value)));

  function setSpeed(value) {
    speed.value = String(value);
    audio.playbackRate = Number(speed.value);
  }
  speed.addEventListener('change', () => setSpeed(speed.value));
  function changeSpeed(by) {
    const at = Math.min(Math.max(0, speed.selectedIndex + by), speed.options.length - 1);
    setSpeed(speed.options[at].value);
  }

  // Where nobody says anything, by the waveform: [from, to] in seconds.
  let pauses = [];
  const QUIET = 8;
  const SHORTEST = 1.5;
  function findPauses({ peaks, secondsPerPoint }) {
    const found = [];
    const length = peaks[0]?.length ?? 0;
    let from = -1;
    for (let at = 0; at <= length; at++) {
      const quiet = at < length && peaks.every((side) => side[at] < QUIET);
      if (quiet && from < 0) from = at;
      if (!quiet && from >= 0) {
        if ((at - from) * secondsPerPoint >= SHORTEST) found.push([from * secondsPerPoint, at * secondsPerPoint]);
        from = -1;
      }
    }
    return found;
  }
  const pressed = (button) => button.getAttribute('aria-pressed') === 'true';
  const press = (button, on) => button.setAttribute('aria-pressed', String(on));
  skip.addEventListener('click', () => press(skip, !pressed(skip)));
  setInterval(() => {
    if (audio.paused || !pressed(skip)) return;
    const at = audio.currentTime;
    const pause = pauses.find(([from, to]) => at > from + 0.3 && at < to - 0.5);
    if (pause) audio.currentTime = pause[1] - 0.2;
  }, 100);

  // One side alone is heard in both ears.
  let gains = null;
  function buildSides() {
    const context = new AudioContext();
    const source = context.createMediaElementSource(audio);
    const splitter = context.createChannelSplitter(2);
    const merger = context.createChannelMerger(2);
    source.connect(splitter);
    merger.connect(context.destination);
    const gain = (from, to) => {
      const node = context.createGain();
      splitter.connect(node, from).connect(merger, 0, to);
      return node;
    };
    return { context, at: [0, 1].map((from) => [0, 1].map((to) => gain(from, to))) };
  }
  function setSides() {
    gains ??= buildSides();
    gains.context.resume();
    const muted = [0, 1].map((side) => mutes[side] !== undefined && pressed(mutes[side]));
    const alone = muted[0] !== muted[1];
    gains.at.forEach((row, from) =>
      row.forEach((node, to) => (node.gain.value = !muted[from] && (alone || from === to) ? 1 : 0)),
    );
  }
  for (const button of mutes) {
    button.addEventListener('click', () => {
      press(button, !pressed(button));
      setSides();
    });
  }

  async function copyLink() {
    const address = `${location.origin}${location.pathname}#t=${Math.floor(audio.currentTime)}`;
    history.replaceState(null, '', address);
    said.textContent = (await copy(address)) ? root.dataset.copied : root.dataset.notCopied;
  }
  by('link').addEventListener('click', copyLink);

  // #t=95, #t=1:35
  function startAt() {
    const match = /^#t=(?:(\d{1,3}):)?(\d{1,6})$/.exec(location.hash);
    if (match) seek(Number(match[1] ?? 0) * 60 + Number(match[2]));
  }
  window.addEventListener('hashchange', startAt);
  startAt();

  const KEYS = {
    p: toggle,
    ' ': toggle,
    ArrowLeft: () => seek(audio.currentTime - 5),
    ArrowRight: () => seek(audio.currentTime + 5),
    '<': () => changeSpeed(-1),
    ',': () => changeSpeed(-1),
    '>': () => changeSpeed(1),
    '.': () => changeSpeed(1),
    1: () => mutes[0]?.click(),
    2: () => mutes[1]?.click(),
    s: () => skip.click(),
    l: copyLink,
  };
  let going = 0;
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    // "g l" goes to another page.
    const second = Date.now() - going < 1500;
    const key = keyOf(event);
    going = key === 'g' ? Date.now() : 0;
    if (second || document.querySelector('dialog[open]')) return;
    const { tagName = '' } = event.target;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(tagName) || (event.key === ' ' && /^(BUTTON|A|SUMMARY)$/.test(tagName)))
      return;
    const act = KEYS[key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  async function drawWaves() {
    const response = await fetch(root.dataset.peaks);
    if (!response.ok) return;
    const data = await response.json();
    pauses = findPauses(data);
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const height = data.peaks.length > 1 ? 60 : 120;
    const drawn = window.WaveSurfer.create({
      container: '#wave',
      media: audio,
      peaks: data.peaks.map((side) => side.map((value) => value / 255)),
      duration: data.durationSeconds,
      height,
      normalize: true,
      dragToSeek: true,
      cursorColor: colour('--ink'),
      cspNonce: root.dataset.nonce,
      splitChannels: data.peaks.map((_side, n) => ({
        waveColor: colour(`--side-${n + 1}`),
        progressColor: colour('--quiet'),
      })),
    });
    drawn.on('timeupdate', show);
    // Before that it takes the sound to have no length.
    drawn.on('ready', () => {
      wave = drawn;
      wave.setTime(audio.currentTime);
      root.setAttribute('data-drawn', 'yes');
    });
  }
  drawWaves().catch(() => undefined);
})();
