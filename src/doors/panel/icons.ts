import Handlebars from 'handlebars';

/** 16 × 16, drawn with the text's colour. Known-safe markup: the only place that builds HTML outside the templates. */
const paths = {
  success:
    '<path d="M6.7 11.4 3.4 8.1l1.1-1.1 2.2 2.2 4.8-4.8 1.1 1.1z" fill="currentColor" stroke="none"/>',
  danger: '<path d="m4.5 4.5 7 7m0-7-7 7"/>',
  warning: '<path d="M8 2.5 14 13H2z"/><path d="M8 6.5v3M8 11.2v.1"/>',
  progress: '<path d="M13.5 8A5.5 5.5 0 1 1 8 2.5"/>',
  clock: '<circle cx="8" cy="8" r="5.5"/><path d="M8 5v3.2l2 1.3"/>',
  stop: '<circle cx="8" cy="8" r="5.5"/><path d="m4.2 4.2 7.6 7.6"/>',
  replaced: '<path d="M3 6h8.5L9 3.5M13 10H4.5L7 12.5"/>',
  handed: '<path d="M3 8h9M8.5 4.5 12 8l-3.5 3.5"/>',
  question:
    '<circle cx="8" cy="8" r="5.5"/><path d="M6.4 6.5a1.6 1.6 0 1 1 2.3 1.5c-.5.25-.7.5-.7 1M8 10.9v.1"/>',
  error: '<circle cx="8" cy="8" r="5.5"/><path d="M8 5.2v3.3M8 10.8v.1"/>',
  info: '<circle cx="8" cy="8" r="5.5"/><path d="M8 7.5v3M8 5.2v.1"/>',
  branch:
    '<circle cx="4.5" cy="4" r="1.5"/><circle cx="4.5" cy="12" r="1.5"/><circle cx="11.5" cy="4.8" r="1.5"/><path d="M4.5 5.5v5M11.5 6.3c0 2.7-3.5 2.2-6.4 4.3"/>',
  tag: '<path d="M2.5 2.5h5l6 6-5 5-6-6zM5.3 5.3v.1"/>',
  open: '<path d="M6.5 3.5h-3v9h9v-3M9 3.5h3.5V7M12.5 3.5 7.5 8.5"/>',
  chevron: '<path d="m6 4 4 4-4 4"/>',
  pause: '<path d="M5.5 4v8M10.5 4v8"/>',
  plus: '<path d="M8 3.5v9M3.5 8h9"/>',
  skip: '<path d="M3.5 8h9"/>',
  deploy: '<path d="M8 13V4M4.5 7.5 8 4l3.5 3.5"/>',
} as const;

export type IconName = keyof typeof paths;

export function icon(name: unknown): Handlebars.SafeString {
  const known = typeof name === 'string' && Object.hasOwn(paths, name);
  // Cast: just checked that it is one of the table's own keys.
  const path = known ? paths[name as IconName] : paths.info;
  return new Handlebars.SafeString(
    `<svg class="icon icon-${known ? String(name) : 'info'}" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" focusable="false">${path}</svg>`,
  );
}
