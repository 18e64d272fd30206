/** Plain tsc copies no files, so the stylesheet is a module. Colours follow Atlassian's palette. */
export const style = `
:root {
  color-scheme: light dark;
  --surface: #ffffff;
  --sunken: #f7f8f9;
  --raised: #ffffff;
  --border: #dcdfe4;
  --text: #172b4d;
  --subtle: #44546f;
  --link: #0c66e4;
  --selected: #e9f2ff;
  --selected-text: #0c66e4;
  --banner: #fff7d6;
  --banner-text: #533f04;
  --banner-border: #f5cd47;
  --info: #e9f2ff;
  --info-text: #0055cc;
  --success: #dcfff1;
  --success-text: #216e4e;
  --danger: #ffeceb;
  --danger-text: #ae2e24;
  --neutral: #e9ebee;
  --neutral-text: #44546f;
  --code: #f1f2f4;
  --primary: #0c66e4;
  --primary-hover: #0055cc;
  --primary-text: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --surface: #1f1f21;
    --sunken: #18191a;
    --raised: #242528;
    --border: #393a3e;
    --text: #cecfd2;
    --subtle: #a9abaf;
    --link: #669df1;
    --selected: #1c2b42;
    --selected-text: #8fb8f6;
    --banner: #332e1b;
    --banner-text: #f8e6a0;
    --banner-border: #7f5f01;
    --info: #1c2b41;
    --info-text: #85b8ff;
    --success: #1c3329;
    --success-text: #7ee2b8;
    --danger: #42221f;
    --danger-text: #fd9891;
    --neutral: #303134;
    --neutral-text: #bfc1c4;
    --code: #2b2c2f;
    --primary: #669df1;
    --primary-hover: #8fb8f6;
    --primary-text: #1f1f21;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0;
  background: var(--surface);
  color: var(--text);
  font: 14px/1.43 ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Ubuntu, sans-serif;
}
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }
h1 { font-size: 24px; line-height: 1.2; font-weight: 600; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 16px; font-weight: 600; margin: 32px 0 8px; }
code, .mono { font: 12px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.subtle { color: var(--subtle); }
.banner {
  background: var(--banner);
  color: var(--banner-text);
  border-bottom: 1px solid var(--banner-border);
  padding: 6px 16px;
  text-align: center;
}
.top {
  display: flex;
  align-items: center;
  gap: 16px;
  padding: 8px 16px;
  border-bottom: 1px solid var(--border);
}
.brand { display: flex; align-items: center; gap: 8px; color: var(--text); font-weight: 600; font-size: 16px; }
.brand svg { width: 24px; height: 24px; }
.top .grow { flex: 1; }
.viewer { position: relative; }
.viewer summary {
  display: flex;
  align-items: center;
  gap: 8px;
  min-height: 32px;
  padding: 0 8px;
  cursor: pointer;
  border: 1px solid var(--border);
  border-radius: 4px;
  list-style: none;
}
.viewer summary::-webkit-details-marker { display: none; }
.viewer summary::after { content: '▾'; color: var(--subtle); }
.viewer ul {
  position: absolute;
  right: 0;
  z-index: 2;
  min-width: 220px;
  margin: 4px 0 0;
  padding: 4px 0;
  list-style: none;
  background: var(--raised);
  border: 1px solid var(--border);
  border-radius: 4px;
  box-shadow: 0 8px 12px #091e4226;
}
.viewer li a { display: flex; align-items: center; gap: 8px; padding: 6px 12px; color: var(--text); }
.viewer li a:hover, .viewer li a[aria-current] { background: var(--selected); text-decoration: none; }
.avatar { width: 24px; height: 24px; border-radius: 50%; flex: none; }
.avatar.square { border-radius: 4px; }
.frame { display: flex; align-items: stretch; min-height: calc(100vh - 84px); }
.side {
  flex: none;
  width: 240px;
  padding: 16px 8px;
  border-right: 1px solid var(--border);
  background: var(--sunken);
}
.side .title { display: flex; align-items: center; gap: 8px; padding: 0 8px 12px; font-weight: 600; overflow-wrap: anywhere; }
.side h2 { margin: 16px 8px 4px; font-size: 12px; color: var(--subtle); }
.side ul { list-style: none; margin: 0; padding: 0; }
.side li.subtle { padding: 8px; }
.side li a { display: block; padding: 8px; border-radius: 4px; color: var(--text); }
.side li a:hover { background: var(--neutral); text-decoration: none; }
.side li a[aria-current] { background: var(--selected); color: var(--selected-text); }
main { flex: 1; min-width: 0; padding: 24px 32px 48px; }
.plain main { max-width: 1000px; margin: 0 auto; }
.crumbs { margin: 0 0 8px; color: var(--subtle); }
.lead { margin: 4px 0 0; color: var(--subtle); }
.clone {
  display: block;
  width: 100%;
  margin-top: 4px;
  padding: 8px;
  border: 1px solid var(--border);
  border-radius: 4px;
  background: var(--code);
  color: var(--text);
  font: 13px/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  overflow-wrap: anywhere;
}
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-size: 12px; font-weight: 600; color: var(--subtle); }
th, td { padding: 8px 12px 8px 0; border-bottom: 1px solid var(--border); vertical-align: top; }
td.message { overflow-wrap: anywhere; min-width: 180px; }
td.tight, th.tight { white-space: nowrap; width: 1%; }
.person { display: flex; align-items: center; gap: 8px; }
.builds { display: flex; flex-direction: column; gap: 6px; margin: 0; padding: 0; list-style: none; }
.builds li { display: flex; flex-wrap: wrap; gap: 2px 8px; align-items: baseline; min-width: 220px; }
.builds .subtle { flex-basis: 100%; overflow-wrap: anywhere; }
.lozenge {
  display: inline-block;
  padding: 1px 6px;
  border-radius: 3px;
  font-size: 11px;
  font-weight: 700;
  letter-spacing: 0.02em;
  white-space: nowrap;
  background: var(--neutral);
  color: var(--neutral-text);
}
.lozenge.INPROGRESS { background: var(--info); color: var(--info-text); }
.lozenge.SUCCESSFUL, .lozenge.added { background: var(--success); color: var(--success-text); }
.lozenge.FAILED, .lozenge.removed { background: var(--danger); color: var(--danger-text); }
.branch { display: inline-block; padding: 0 6px; border-radius: 3px; background: var(--neutral); color: var(--text); overflow-wrap: anywhere; }
.card { border: 1px solid var(--border); border-radius: 8px; padding: 16px; margin: 0 0 16px; }
.card h2 { margin: 0 0 8px; }
h1 + .card, .lead + [data-live] { margin-top: 16px; }
.cards { list-style: none; margin: 0; padding: 0; }
.cards > li { padding: 12px 0; border-bottom: 1px solid var(--border); }
pre.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: 8px 0; font: inherit; }
pre.mono { font: 12px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.panel { display: block; width: 100%; height: 500px; border: 0; background: var(--surface); }
.panel.fill { height: calc(100vh - 180px); }
.ask { max-width: 520px; margin: 24px auto; padding: 24px; }
.scopes { margin: 16px 0; padding: 0 0 0 20px; }
.scopes li { margin: 6px 0; }
.consumer dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin: 8px 0 0; }
.consumer dt { color: var(--subtle); }
.consumer dd { margin: 0; overflow-wrap: anywhere; }
h3 { font-size: 12px; font-weight: 600; margin: 12px 0 0; color: var(--subtle); }
summary { cursor: pointer; overflow-wrap: anywhere; }
.buttons { display: flex; flex-wrap: wrap; gap: 8px; margin: 24px 0 0; }
button {
  min-height: 32px;
  padding: 4px 12px;
  border: 1px solid var(--border);
  border-radius: 4px;
  background: var(--surface);
  color: var(--text);
  font: inherit;
  font-weight: 500;
  cursor: pointer;
}
button:hover { background: var(--neutral); }
button.primary { border-color: transparent; background: var(--primary); color: var(--primary-text); }
button.primary:hover { background: var(--primary-hover); }
.empty { padding: 48px 16px; text-align: center; color: var(--subtle); }
.empty h1 { color: var(--text); margin-bottom: 8px; }
@media (max-width: 760px) {
  .frame { flex-direction: column; }
  .side { width: auto; border-right: 0; border-bottom: 1px solid var(--border); padding: 12px 8px 8px; }
  .side ul { display: flex; flex-wrap: wrap; }
  .side h2 { display: none; }
  main { padding: 16px; }
  .top { flex-wrap: wrap; }
  .viewer ul { right: auto; left: 0; }
  .commits thead, .hooks thead { display: none; }
  .hooks tr { display: block; padding: 12px 0; border-bottom: 1px solid var(--border); }
  .hooks td { display: block; width: auto; padding: 0 0 4px; border: 0; }
  .commits tr { display: block; padding: 12px 0; border-bottom: 1px solid var(--border); }
  .commits td { display: inline-block; width: auto; padding: 0 8px 4px 0; border: 0; }
  .commits td.message, .commits td:last-child { display: block; }
}
`;
