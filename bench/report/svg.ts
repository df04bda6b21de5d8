/** Colours that can be read on a light and on a dark page: an SVG in a Markdown file follows the reader's scheme. */
export const STYLE = `<style>
.ground { fill: #ffffff } .title, .figure { fill: #0f172a } .label { fill: #334155 } .note { fill: #64748b }
.grid { stroke: #e2e8f0 } .axis { stroke: #94a3b8 } .whisker { stroke: #0f172a } .limit { stroke: #dc2626 } .warn { fill: #b91c1c }
.rollcall { fill: #2563eb; --line: #2563eb } .rollcall-coalesced { fill: #60a5fa; --line: #60a5fa } .stack { fill: #d97706; --line: #d97706 }
.socketio { fill: #7c3aed; --line: #7c3aed } .bare { fill: #64748b; --line: #64748b } .line { fill: none; stroke: var(--line) }
@media (prefers-color-scheme: dark) {
.ground { fill: #0d1117 } .title, .figure { fill: #e6edf3 } .label { fill: #c9d1d9 } .note { fill: #8b949e }
.grid { stroke: #21262d } .axis { stroke: #484f58 } .whisker { stroke: #f0f6fc } .limit { stroke: #f85149 } .warn { fill: #ff7b72 }
.rollcall { fill: #4c8dff; --line: #4c8dff } .rollcall-coalesced { fill: #9ec5ff; --line: #9ec5ff } .stack { fill: #e3a13a; --line: #e3a13a }
.socketio { fill: #a78bfa; --line: #a78bfa } .bare { fill: #8b949e; --line: #8b949e } .line { fill: none; stroke: var(--line) }
}
</style>`;

/** A whole picture of this size, on its own ground. `label` says what it shows to whoever cannot see it. */
export function picture(width: number, height: number, label: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="12" role="img" aria-label="${label}">`,
    STYLE,
    `<rect class="ground" width="${width}" height="${height}" rx="8"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

export function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes} xml:space="preserve">${escaped}</text>`;
}
