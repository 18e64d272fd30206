// [data-action], [data-load] and [data-load-form] put a fragment into data-swap; its [data-flag] is a message, [data-oob] goes by id.
(() => {
  'use strict';
  const $ = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const meta = (name) => document.querySelector(`meta[name="slipway-${name}"]`)?.content ?? '';
  const skew = Number(meta('now') || Date.now()) - Date.now();

  // The one way out; another frame sets its own first.
  const transport =
    globalThis.slipwayTransport ??
    (async ({ method, path, fields, etag }) => {
      const [session, csrf] = [meta('session'), meta('csrf')];
      const headers = { 'If-None-Match': etag ?? '' };
      if (session) headers.Authorization = `Bearer ${session}`;
      if (csrf) headers['X-Slipway-CSRF'] = csrf;
      const body = fields && new URLSearchParams(fields);
      const answer = await fetch(meta('at') + path, { method, headers, body, cache: 'no-store' });
      const next = answer.headers.get('x-slipway-session');
      if (next) document.querySelector('meta[name="slipway-session"]').content = next;
      return { status: answer.status, etag: answer.headers.get('etag'), html: await answer.text() };
    });

  const on = (type, act) => document.addEventListener(type, act);
  const announce = (text) => {
    if (text && $('announcer')) $('announcer').textContent = text;
  };

  // Changes only what differs: focus, scroll, typed text and open details survive.
  const morph = (old, fresh) => {
    if (old.nodeType !== 1) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    if (old.hasAttribute('data-keep')) return;
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      if (name !== 'open' && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    let at = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      const known = child.id && [...old.children].find((one) => one.id === child.id);
      if (known && known !== at) at = old.insertBefore(known, at);
      if (at?.nodeName === child.nodeName && (at.id ?? '') === (child.id ?? '')) {
        morph(at, child);
        at = at.nextSibling;
      } else {
        old.insertBefore(child, at);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  };

  const show = (messages, slot) => {
    // Drawn again meanwhile, it is another element of the same name.
    const box = slot?.isConnected ? slot : ((slot?.id && $(slot.id)) ?? $('flags'));
    if (!box || !messages.length) return;
    box.replaceChildren(...messages);
    announce(messages[0].innerText);
    messages[0].scrollIntoView({ block: 'nearest' });
  };

  const say = (text, slot) => {
    const box = document.createElement('div');
    box.className = 'message message-error';
    box.textContent = text;
    show([box], slot);
  };

  // Where the focus goes when what had it was drawn anew: to what is wrong, to what is said, or back to where it was.
  const focusIn = (nodes, { had, opener, form }) => {
    if (document.activeElement !== document.body) return;
    const first = (wanted) => nodes[0]?.querySelector(wanted);
    const found =
      first('[aria-invalid="true"]') ??
      first('[data-focus]') ??
      form?.querySelector('.input') ??
      (had && $(had)) ??
      (opener && all('[data-load]').find((one) => one.dataset.load === opener)) ??
      first('.input') ??
      first('button');
    found?.focus();
  };

  // On a page of our own the address says what is shown, so that it can be kept and passed on.
  const keepAddress = () => {
    const [, query] = all('section[data-poll]')[0]?.dataset.poll.split('?') ?? [];
    if (meta('csrf')) history.replaceState(null, '', query ? `?${query}` : location.pathname);
  };

  const formsIn = (target) => [...(target?.querySelectorAll('form.form[id]') ?? [])];
  // Forms that something beside them was pressed for, and not another form: they stand there as they were.
  const putIn = (target, forms) => {
    for (const form of forms) {
      const fresh = formsIn(target).find(({ id }) => id === form.id);
      if (!fresh) continue;
      fresh.replaceWith(form);
      unfold(form);
    }
  };
  const unfold = (form) => {
    for (let fold = form.closest('details'); fold; fold = fold.parentElement.closest('details'))
      fold.open = true;
  };

  const parsed = (html) => {
    const box = document.createElement('template');
    box.innerHTML = html;
    return box.content;
  };
  const apply = ({ html, status }, into, slot, path, from) => {
    const parts = [...parsed(html).children];
    const flag = parts.filter((part) => 'flag' in part.dataset);
    const oob = parts.filter((part) => 'oob' in part.dataset);
    const rest = parts.filter((part) => !flag.includes(part) && !oob.includes(part));
    const target = into && $(into.slice(1));
    const around = target?.closest('form.form');
    const before = target?.querySelector('form.form');
    if (target?.dataset.poll && rest.length) {
      morph(target, rest[0]);
    } else if (target && (rest.length || status === 200)) {
      const had = document.activeElement.id || undefined;
      const beside = formsIn(target).filter(
        (form) =>
          from &&
          !form.contains(from) &&
          (path ? drawnBy.get(form)?.path === path : typed.has(form)),
      );
      target.replaceWith(...rest);
      putIn($(into.slice(1)), beside);
      const fresh = $(into.slice(1))?.querySelector('form.form');
      const was = before && drawnBy.get(before)?.path;
      const isOther = fresh && (fresh.id !== before?.id || (path && was !== path));
      focusIn(rest, { had, opener: was, form: isOther ? fresh : null });
      announce(rest[0]?.querySelector('[data-focus]')?.innerText);
    }
    for (const part of oob) if ($(part.id)) morph($(part.id), part);
    keepAddress();
    const after = into && $(into.slice(1))?.querySelector('form.form');
    if (after && path) drawnBy.set(after, { path, into });
    // The same form with what is wrong in it.
    if (after && before?.id === after.id && status !== 200) {
      if (typed.has(before)) typed.set(after, typed.get(before));
      drawnBy.set(after, drawnBy.get(before));
    }
    if (around) putBack(around);
    show(flag, slot);
  };

  // What was typed, by form; with it a field that another choice took away comes back as it was.
  const typed = new WeakMap();
  // The request that drew a form.
  const drawnBy = new WeakMap();
  const keyOf = (form, name) =>
    name.startsWith('settings.') ? `${form.elements.backend?.value} ${name}` : name;
  const fieldsOf = (form) =>
    [...form.elements].filter(({ name, type }) => name && type !== 'hidden' && type !== 'radio');
  const isTick = (field) => field.type === 'checkbox';
  const note = ({ target: field }) => {
    const form = field.closest?.('form.form');
    if (!form || !field.name) return;
    if (!typed.has(form)) typed.set(form, new Map());
    if (field.type === 'radio') return;
    typed.get(form).set(keyOf(form, field.name), isTick(field) ? field.checked : field.value);
  };
  const putBack = (form) => {
    const known = typed.get(form);
    for (const field of known ? fieldsOf(form) : []) {
      const value = known.get(keyOf(form, field.name));
      if (value !== undefined) field[isTick(field) ? 'checked' : 'value'] = value;
    }
  };

  // What was typed outlives the session: it is kept in this tab, but for secrets, and comes back when the page is loaded again.
  const keptAs = 'slipway-typed';
  const place = () => document.querySelector('main')?.dataset.of;
  let isOver = false;
  const keep = () => {
    const forms = all('form.form[id]').filter((form) => typed.has(form));
    const kept = forms.map((form) => ({
      id: form.id,
      drawnBy: drawnBy.get(form),
      fields: [...new FormData(form)].filter(
        ([name]) => !fieldsOf(form).some((one) => one.name === name && 'secret' in one.dataset),
      ),
    }));
    try {
      if (kept.length)
        sessionStorage.setItem(keptAs, JSON.stringify({ place: place(), at: Date.now(), kept }));
    } catch {
      // The browser allows no storage here; what was typed stays on the page.
    }
  };
  const end = ({ status, html }) => {
    if (status !== 401 && !html.includes('data-code="form_stale"')) return;
    isOver = true;
    keep();
  };
  window.addEventListener('pagehide', () => isOver && keep());
  const load = async (path, into) =>
    apply(await transport({ method: 'GET', path }), into, null, path);
  const fill = async (form, fields) => {
    typed.set(form, typed.get(form) ?? new Map());
    // In the order of the page: a choice brings the fields below it.
    for (const [name, value] of fields) {
      const choice = [...form.querySelectorAll('input[type="radio"]')].find(
        (one) => one.name === name && one.value === value,
      );
      if (!choice || choice.checked) continue;
      choice.checked = true;
      if (choice.dataset.load) await load(choice.dataset.load, choice.dataset.swap);
    }
    const last = new Map(fields);
    for (const field of [...form.elements]) {
      const value = last.get(field.name);
      if (value === undefined || field.type === 'radio' || 'secret' in field.dataset) continue;
      if (isTick(field)) field.checked = value === field.value;
      else if (field.type !== 'hidden' || field.name === 'expectedVersion') field.value = value;
      note({ target: field });
    }
    unfold(form);
    preview(form);
  };
  const bringBack = async () => {
    let found;
    try {
      found = JSON.parse(sessionStorage.getItem(keptAs));
      if (!found || found.place !== place()) return;
      sessionStorage.removeItem(keptAs);
    } catch {
      return;
    }
    if (Date.now() - found.at > 3_600_000) return;
    for (const { id, drawnBy: by, fields } of found.kept) {
      if (!$(id) && by) await load(by.path, by.into);
      if (!$(id)) continue;
      await fill($(id), fields);
      const box = document.createElement('div');
      box.className = 'message message-success';
      box.textContent = 'What you typed before is here again. Secrets have to be typed once more.';
      show([box], $(id).closest('.card, section')?.querySelector('.messages'));
    }
  };

  let timer;
  let etag = null;
  let round = 0;
  let failures = 0;
  let ended = false;
  const polled = () => all('[data-poll]')[0];
  const states = () => new Map(all('[data-announce]').map((one) => [one.id, one.dataset.announce]));
  const schedule = (soon) => {
    clearTimeout(timer);
    const every = Number(polled()?.dataset.every);
    if (!every || ended || document.hidden) return;
    timer = setTimeout(poll, soon ? 0 : failures ? Math.max(every, 15_000) : every);
  };
  const poll = async () => {
    const { id, dataset } = polled();
    const mine = round;
    try {
      const answer = await transport({ method: 'GET', path: dataset.poll, etag });
      // An action has drawn something newer.
      if (mine !== round) return;
      if (failures > 1) $('flags')?.replaceChildren();
      failures = answer.status < 500 ? 0 : failures + 1;
      if (answer.status === 200) {
        const before = states();
        etag = answer.etag;
        apply(answer, `#${id}`);
        const news = [...states()].filter(([row, text]) => before.get(row) !== text);
        announce(news.map(([, text]) => text).join('. '));
        // "Rolling back …" is old news as soon as there is newer.
        if (news.length) all('.messages .message-success').forEach((one) => one.remove());
      } else if (answer.status !== 304 && answer.status < 500) {
        ended = true;
        end(answer);
        apply(answer);
      }
    } catch {
      failures += 1;
    } finally {
      if (failures === 2) say('No connection to Slipway; this may be old. Trying again.');
      schedule();
    }
  };

  // A check is shown step by step: while the answer only says how far it is, the same form is sent again with what is known.
  const runs = new WeakMap();
  const placeOf = (form) => $(form.dataset.checks ?? '');
  // Between the last step and the end nothing can be typed that would be lost.
  const freeze = (form, button, on) => {
    const parts = [...form.querySelectorAll('.form-step')];
    if (on && parts.some((part) => part.contains(document.activeElement))) button?.focus();
    for (const part of parts) part.inert = on;
  };
  const inSteps = async (form, request, run) => {
    for (;;) {
      const answer = await transport(request);
      if (!form.dataset.checks) return answer;
      if (runs.get(form) !== run || !form.isConnected) return null;
      const fresh = parsed(answer.html).firstElementChild;
      const box = placeOf(form);
      clearTimeout(run.slow);
      if (answer.status !== 200 || !box || fresh?.id !== box.id) return answer;
      const isFirst = !box.firstChild;
      morph(box, fresh);
      if (isFirst) box.scrollIntoView({ block: 'nearest' });
      announce(box.dataset.news);
      freeze(form, run.button, 'saving' in box.dataset);
      run.slow = setTimeout(() => {
        const late = box.querySelector('[data-slow]');
        if (late) late.hidden = false;
        announce(late?.textContent);
      }, 5_000);
      request.fields = [
        ...request.fields.filter(([name]) => name !== 'checked'),
        ['checked', box.dataset.checked],
      ];
    }
  };
  const endRun = (form, run) => {
    clearTimeout(run.slow);
    runs.delete(form);
    delete form.dataset.busy;
    run.button?.removeAttribute('aria-busy');
    freeze(form, run.button, false);
    placeOf(form)?.replaceChildren();
  };
  // What is being saved is not what stands there any more.
  const stopRun = (form) => {
    const box = form && placeOf(form);
    const run = box && runs.get(form);
    if (box) delete box.dataset.checked;
    if (!run) return;
    endRun(form, run);
    const text = document.createElement('p');
    text.textContent = 'The check was stopped, since you changed something. Nothing was saved.';
    box.append(text);
    announce(text.textContent);
  };

  const send = async (from, button, request, into) => {
    if (from.dataset.busy) return;
    from.dataset.busy = 'true';
    button?.setAttribute('aria-busy', 'true');
    const slot = from.closest('.card, section')?.querySelector('.messages');
    const homes = [from.closest('form'), from.closest('section')];
    const run = { button };
    runs.set(from, run);
    try {
      const answer = await inSteps(from, request, run);
      if (!answer) return;
      round += 1;
      etag = null;
      if (answer.status === 200) {
        from.closest('details.confirm')?.removeAttribute('open');
        from.closest('[data-once]')?.remove();
      }
      end(answer);
      apply(answer, into, slot, request.method === 'GET' ? request.path : null, from);
      // What was pressed is gone: on to the next thing there.
      const home = homes.find((one) => one?.isConnected);
      if (document.activeElement === document.body)
        home?.querySelector('button, select, summary')?.focus();
    } catch {
      if (runs.get(from) === run)
        say('Slipway did not answer. Nothing you typed is lost; try again.', slot);
    } finally {
      if (runs.get(from) === run) endRun(from, run);
      preview(from.closest('form'));
      schedule(request.method === 'POST');
    }
  };

  on('submit', (event) => {
    const form = event.target.closest('form[data-action], form[data-load-form]');
    if (!form) return;
    event.preventDefault();
    if (form.dataset.loadForm) {
      const path = `${form.dataset.loadForm}?${new URLSearchParams(new FormData(form))}`;
      return void send(form, event.submitter, { method: 'GET', path }, form.dataset.swap);
    }
    // What the lists show stays as it is.
    const view = ['view', polled()?.dataset.poll.split('?')[1] ?? ''];
    const fields = [...new FormData(form), view];
    // A form that stands open beside it stays open.
    const open = formsIn($(form.dataset.swap?.slice(1))).find((one) => drawnBy.has(one));
    if (open && open !== form) fields.push(['open', drawnBy.get(open).path.split('?')[1] ?? '']);
    const box = placeOf(form);
    if (box) fields.push(['checked', box.dataset.checked ?? '']);
    const request = { method: 'POST', path: form.dataset.action, fields };
    void send(form, event.submitter, request, form.dataset.swap);
  });

  // What the rule in a form would do, while it is written. Nothing else on the page moves.
  const previewed = new WeakMap();
  const rule =
    /^(backend|targetId|branchPattern|tagPattern|includePaths|excludePaths|honourSkipMarkers)$/;
  const preview = (form) => {
    const box = form?.querySelector('[data-preview]');
    if (!box?.isConnected) return;
    const path = `${box.dataset.preview}?${new URLSearchParams([...new FormData(form)].filter(([name]) => rule.test(name)))}`;
    if (previewed.get(box) === path) return;
    previewed.set(box, path);
    setTimeout(async () => {
      if (previewed.get(box) !== path) return;
      const answer = await transport({ method: 'GET', path }).catch(() => null);
      if (answer?.status !== 200 || previewed.get(box) !== path) return;
      box.replaceChildren(...parsed(answer.html).firstElementChild.childNodes);
    }, 350);
  };
  on('input', (event) => {
    note(event);
    stopRun(event.target.closest('form'));
    preview(event.target.closest('form'));
  });
  on('change', note);
  on('focusin', (event) => preview(event.target.closest('form')));

  on('change', (event) => {
    const form = event.target.closest('form[data-filter]');
    if (!form) return;
    const open = new URLSearchParams(polled().dataset.poll.split('?')[1]).get('push');
    const chosen = [...new FormData(form), ['push', open ?? '']].filter(([, value]) => value);
    const path = `${form.dataset.filter}?${new URLSearchParams(chosen)}`;
    void send(form, null, { method: 'GET', path }, form.dataset.swap);
  });

  // A form in which something was typed is not taken away unasked for another one.
  const inTheWay = (from) =>
    !('anyway' in from.dataset) &&
    formsIn($(from.dataset.swap.slice(1))).find(
      (form) =>
        typed.has(form) && !form.contains(from) && drawnBy.get(form)?.path !== from.dataset.load,
    );
  const ask = (from, form) => {
    const button = (words, marks) => {
      const one = document.createElement('button');
      Object.assign(one, { type: 'button', className: 'button', textContent: words });
      Object.assign(one.dataset, marks);
      return one;
    };
    const box = document.createElement('div');
    box.className = 'message message-warning';
    const title = $(form.getAttribute('aria-labelledby'))?.innerText;
    const words = document.createElement('div');
    const { load: path, swap } = from.dataset;
    const says = document.createElement('p');
    says.textContent = `What you typed into “${title}” is not saved.`;
    const stay = button('Keep it', { dismiss: '', back: form.id });
    const choice = document.createElement('div');
    choice.className = 'form-actions';
    choice.append(stay, button('Discard it and go on', { load: path, swap, anyway: '' }));
    words.append(says, choice);
    box.append(words);
    show([box], form.closest('section')?.querySelector('.messages'));
    stay.focus();
  };

  on('click', (event) => {
    const dismiss = event.target.closest('[data-dismiss]');
    dismiss?.closest('.message').remove();
    if (dismiss?.dataset.back) $(dismiss.dataset.back)?.querySelector('.input')?.focus();
    const from = event.target.closest('[data-load]');
    const form = from && inTheWay(from);
    if (form) ask(from, form);
    else if (from)
      void send(from, from, { method: 'GET', path: from.dataset.load }, from.dataset.swap);
  });

  on('keydown', (event) => {
    const open = event.key === 'Escape' && event.target.closest('details.confirm[open]');
    if (!open) return;
    open.open = false;
    open.querySelector('summary').focus();
  });

  on('visibilitychange', () => schedule(true));

  // As in view/time.ts.
  const units = [
    [86_400, 'd', 3_600, 'h'],
    [3_600, 'h', 60, 'min'],
    [60, 'min', 1, 's'],
  ];
  const duration = (ms) => {
    const seconds = Math.floor(ms / 1000);
    const unit = units.find(([size]) => seconds >= size);
    if (!unit) return seconds < 1 ? 'under 1 s' : `${seconds} s`;
    const rest = Math.floor((seconds % unit[0]) / unit[2]);
    return `${Math.floor(seconds / unit[0])} ${unit[1]}${rest ? ` ${rest} ${unit[3]}` : ''}`;
  };
  const ago = (ms) => {
    const minutes = Math.floor(Math.abs(ms) / 60_000);
    const days = Math.floor(minutes / 1440);
    if (ms <= -7_200_000) {
      if (!days) return `in ${Math.floor(minutes / 60)} h`;
      return days < 30 && `in ${days} day${days > 1 ? 's' : ''}`;
    }
    if (ms < 45_000) return 'just now';
    if (minutes < 60) return `${minutes || 1} min ago`;
    if (!days) return `${Math.floor(minutes / 60)} h ago`;
    return days < 30 && `${days} day${days > 1 ? 's' : ''} ago`;
  };
  const tick = () => {
    if (document.hidden) return;
    const now = Date.now() + skew;
    const put = (one, key, text) => text && one[key] !== text && (one[key] = text);
    for (const one of all('[data-since]'))
      put(one, 'textContent', duration(now - one.dataset.since));
    for (const one of all('time')) {
      const at = new Date(one.dateTime);
      put(one, 'textContent', ago(now - at));
      put(one, 'title', at.toLocaleString());
    }
  };
  setInterval(tick, 1000);
  tick();
  schedule();
  void bringBack();

  window.addEventListener('load', () => globalThis.AP?.theming?.initializeTheming?.());
})();
