/** The page of `triumvir-webui` as HTML. It needs no script: while a job runs the page reloads itself. */
import type { JobStatus } from './job-service.js';

export interface PageContent {
  readonly servers: readonly string[];
  /** What the form proposes. */
  readonly submitServer: string;
  readonly statusServer: string;
  readonly command: string;
  /** Proves that a form was made by this page. */
  readonly token: string;
  readonly job?: JobStatus;
  readonly error?: string;
}

const STYLE = `
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }
  label { display: block; margin-top: 1rem; }
  select, textarea { font: inherit; width: 100%; box-sizing: border-box; }
  textarea, pre { font-family: ui-monospace, monospace; }
  pre { background: #8882; padding: 1rem; overflow: auto; white-space: pre-wrap; }
  button { font: inherit; margin-top: 1rem; padding: 0.25rem 1.5rem; }
  .error { color: #b00; }
`;

const ENDED = new Set(['SUCCEEDED', 'FAILED']);

export function page(content: PageContent): string {
  const { job, error, token, command } = content;
  const reload = job !== undefined && error === undefined && !ENDED.has(job.status ?? '');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Run a command</title>
${reload ? '<meta http-equiv="refresh" content="1">' : ''}
<style>${STYLE}</style>
</head>
<body>
<h1>Run a command</h1>
${error === undefined ? '' : `<p class="error" role="alert">${escaped(error)}</p>`}
<form method="post" action="/">
<input type="hidden" name="token" value="${escaped(token)}">
<label for="submit_server">Submit server</label>
${choice('submit_server', content.servers, content.submitServer)}
<label for="status_server">Status server</label>
${choice('status_server', content.servers, content.statusServer)}
<label for="command">Command</label>
<textarea id="command" name="command" rows="3" required>${escaped(command)}</textarea>
<button>Run</button>
</form>
${job === undefined ? '' : jobSection(job, content.statusServer)}
</body>
</html>
`;
}

function jobSection({ id = '', status = 'PENDING', output = '' }: JobStatus, server: string): string {
  return `<section aria-live="polite">
<h2>Job ${escaped(id)}</h2>
<p>Status: <strong>${escaped(status)}</strong>, says ${escaped(server)}</p>
${output === '' ? '' : `<pre>${escaped(output)}</pre>`}
</section>`;
}

function choice(name: string, values: readonly string[], chosen: string): string {
  const options = values.map(
    (value) => `<option${value === chosen ? ' selected' : ''}>${escaped(value)}</option>`,
  );
  return `<select id="${name}" name="${name}">${options.join('')}</select>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
