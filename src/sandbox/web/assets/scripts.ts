/** Host side of the panel: what Bitbucket's page does for the iframe. */
export const hostScript = `'use strict';
(() => {
  const frame = document.querySelector('iframe.panel');
  if (!frame) return;
  const appOrigin = new URL(frame.src).origin;
  addEventListener('message', (event) => {
    if (event.source !== frame.contentWindow || event.origin !== appOrigin) return;
    const message = event.data;
    if (!message || message.channel !== 'ap') return;
    if (message.type === 'sizeToParent') frame.classList.add('fill');
    if (message.type === 'resize') {
      frame.style.height = length(message.height);
      if (message.width) frame.style.width = length(message.width);
    }
  });
  const length = (value) =>
    /^\\d+(\\.\\d+)?$/.test(String(value)) ? Math.ceil(Number(value)) + 'px' : String(value);
})();
`;

/** Shows new build statuses and commits without a reload. */
export const liveScript = `'use strict';
(() => {
  const live = document.querySelector('[data-live]');
  if (!live) return;
  let last = live.innerHTML;
  setInterval(async () => {
    if (document.hidden || live.contains(document.activeElement)) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: 'text/html' } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const next = page.querySelector('[data-live]');
      if (!next || next.innerHTML === last) return;
      last = next.innerHTML;
      live.replaceChildren(...next.childNodes);
    } catch {
      // The sandbox is restarting.
    }
  }, 2000);
})();
`;

/**
 * What the app's page loads as \`all.js\` (bitbucket-connect §7): resizing and the few names that
 * careful apps look for. \`request\` is left out; Slipway calls the API from its server.
 */
export const allJs = `'use strict';
(() => {
  const script = document.currentScript;
  const host = new URL(script.src).origin;
  const options = {};
  for (const part of (script.dataset.options || '').split(';')) {
    const [name, value] = part.split(':');
    if (name.trim()) options[name.trim()] = (value || '').trim() !== 'false';
  }
  const send = (message) => {
    if (window.parent !== window) window.parent.postMessage({ channel: 'ap', ...message }, host);
  };
  const resize = (width, height) => send({ type: 'resize', width, height });
  const sizeToParent = () => send({ type: 'sizeToParent' });
  const nothing = () => undefined;
  const modules = {
    env: { resize, sizeToParent },
    flag: { create: nothing },
    messages: { clear: nothing },
  };
  window.AP = {
    resize,
    sizeToParent,
    theming: { initializeTheming: nothing },
    require(names, use) {
      const list = Array.isArray(names) ? names : [names];
      if (use) use(...list.map((name) => modules[name]));
    },
  };
  const height = (element) => Math.ceil(element.getBoundingClientRect().height);
  const start = () => {
    if (options.sizeToParent) return sizeToParent();
    if (options.resize === false) return undefined;
    const content = document.querySelector('.ac-content, #content');
    if (!content) return resize('', Math.max(height(document.body), 1));
    const report = () => {
      const box = content.getBoundingClientRect();
      resize('', Math.ceil(box.bottom + window.scrollY));
    };
    new ResizeObserver(report).observe(content);
    return report();
  };
  if (document.readyState === 'complete') start();
  else addEventListener('load', start);
})();
`;
