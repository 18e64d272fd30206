/**
 * In the page that hosts a Custom UI frame: carries out what the frame's bridge asks for (bitbucket-forge §6.3). It listens
 * before the frame is there, so that no call of the frame's is lost.
 */
export const forgeHostScript = `'use strict';
(() => {
  let frame = null;
  let origin = '';
  const findFrame = () => {
    frame ??= document.querySelector('iframe.forge');
    if (frame) origin = new URL(frame.src).origin;
  };
  const theme = new URLSearchParams(location.search).get('theme');
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const colorMode = () => theme || (dark.matches ? 'dark' : 'light');
  const send = (message) => frame.contentWindow.postMessage({ forge: true, ...message }, origin);
  let themed = false;
  dark.addEventListener('change', () => themed && send({ colorMode: colorMode() }));
  const commands = {
    getContext: () => JSON.parse(frame.dataset.context),
    enableTheming: () => {
      themed = true;
      send({ colorMode: colorMode() });
    },
    navigate: ({ url, type }) => {
      if (type === 'same-tab') location.assign(url);
      else window.open(url, '_blank', 'noopener');
    },
    invoke: async (payload) => {
      const answer = await fetch('/_forge/invoke', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ session: frame.dataset.session, ...payload }),
      });
      return answer.json();
    },
  };
  addEventListener('message', async (event) => {
    findFrame();
    if (event.source !== frame?.contentWindow || event.origin !== origin) return;
    const { forge, id, command, payload, height } = event.data ?? {};
    if (!forge) return;
    if (height) {
      frame.style.height = Math.ceil(height) + 'px';
      return;
    }
    try {
      if (!Object.hasOwn(commands, command)) throw new Error('unknown bridge command ' + command);
      send({ id, result: await commands[command](payload) });
    } catch (error) {
      send({ id, error: String(error.message) });
    }
  });
})();
`;

/** Put by Forge before everything else into the app's own page. */
export const forgeBridgeScript = `'use strict';
(() => {
  const host = document.currentScript.dataset.host;
  const waiting = new Map();
  let last = 0;
  const send = (message) => window.parent.postMessage({ forge: true, ...message }, host);
  addEventListener('message', (event) => {
    if (event.source !== window.parent || event.origin !== host || !event.data.forge) return;
    const { id, result, error, colorMode } = event.data;
    if (colorMode) {
      document.documentElement.dataset.colorMode = colorMode;
      document.documentElement.dataset.theme = 'light:light dark:dark';
      return;
    }
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error) reject?.(new Error(error));
    else resolve?.(result);
  });
  globalThis.__bridge = {
    callBridge: (command, payload) =>
      new Promise((resolve, reject) => {
        last += 1;
        waiting.set(last, { resolve, reject });
        send({ id: last, command, payload });
      }),
  };
  addEventListener('load', () => {
    const report = () => send({ height: document.body.getBoundingClientRect().height });
    new ResizeObserver(report).observe(document.body);
    report();
  });
})();
`;
