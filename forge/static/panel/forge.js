// Loads the panel through Forge's bridge and gives panel.js its way out. Everything else is panel.js, the same in every frame.
(async () => {
  'use strict';
  // What the package @forge/bridge calls, too; there is no build step here that could bundle it.
  const call = (command, payload) => globalThis.__bridge.callBridge(command, payload);

  const ask = async (wish) => {
    const body = { ...wish, fields: wish.fields && [...wish.fields] };
    const request = { path: '/forge/ui', method: 'POST', body, invokeType: 'ui-remote-fetch' };
    const { success, payload } = (await call('invoke', request)) ?? {};
    const answer = payload?.body;
    if (!success || typeof answer?.html !== 'string') throw new Error('Slipway did not answer.');
    return answer;
  };

  globalThis.slipwayTransport = ask;

  // Bitbucket may not know themes; the style sheet then follows the system.
  call('enableTheming').catch(() => undefined);

  // Frames may neither navigate the page around them nor open windows: the host does.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href]');
    if (!link || link.getAttribute('href').startsWith('#')) return;
    event.preventDefault();
    call('navigate', { url: link.href, type: 'new-tab' }).catch(() => undefined);
  });

  const box = document.createElement('template');
  try {
    const { html, now } = await ask({ method: 'GET', path: 'page' });
    const meta = document.createElement('meta');
    meta.name = 'slipway-now';
    meta.content = String(now);
    document.head.append(meta);
    box.innerHTML = html;
  } catch {
    box.innerHTML =
      '<main class="page"><div class="message message-error">Slipway did not answer. Reload the page to try again.</div></main>';
  }
  document.getElementById('loading').replaceWith(box.content);
  const script = document.createElement('script');
  script.src = './panel.js';
  document.body.append(script);
})();
