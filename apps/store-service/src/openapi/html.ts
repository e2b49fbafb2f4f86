/** HTML without a way to forget escaping: what goes into the template is escaped, unless it is HTML already. */

export class Html {
  constructor(readonly text: string) {}
}

type Value = Html | string | number | undefined | readonly Value[];

/** html`<p>${text}</p>` */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(
    parts.map((part, index) => (index === 0 ? part : render(values[index - 1]) + part)).join(''),
  );
}

function render(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(render).join('');
  return escapeHtml(String(value));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** Text with `code` in backquotes, and paragraphs between empty lines. */
export function prose(text: string): Html {
  const paragraphs = escapeHtml(text)
    .replaceAll(/`([^`]+)`/g, '<code>$1</code>')
    .split('\n\n');
  return new Html(paragraphs.map((paragraph) => `<p>${paragraph}</p>`).join(''));
}
