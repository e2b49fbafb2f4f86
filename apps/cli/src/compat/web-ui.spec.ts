import { describe, expect, it, test } from 'vitest';
import { page } from './web-page.js';
import { listenAddress } from './web-ui.js';

const CONTENT = {
  servers: ['a:1', 'b:2'],
  submitServer: 'a:1',
  statusServer: 'b:2',
  command: '',
  token: 't',
};

describe('the address of the page', () => {
  test('is on loopback unless another host is named', () => {
    expect(listenAddress(':8080')).toEqual({ host: '127.0.0.1', port: 8080 });
    expect(listenAddress('8080')).toEqual({ host: '127.0.0.1', port: 8080 });
    expect(listenAddress('0.0.0.0:80')).toEqual({ host: '0.0.0.0', port: 80 });
    expect(listenAddress('[::1]:80')).toEqual({ host: '::1', port: 80 });
  });

  it.each(['', 'x', ':x', ':70000', 'a b:1'])('%j is refused', (address) => {
    expect(() => listenAddress(address)).toThrow('must be :port or host:port');
  });
});

describe('the page', () => {
  test('shows what a job wrote as text, never as markup', () => {
    const evil = `</pre><script>alert("1 & '2'")</script>`;
    const html = page({
      ...CONTENT,
      command: evil,
      error: evil,
      job: { id: evil, status: 'FAILED', output: evil },
    });
    expect(html).not.toContain('<script');
    expect(html).toContain('&lt;script&gt;alert(&quot;1 &amp; &#39;2&#39;&quot;)');
  });

  test('reloads itself while a job runs, and not when it has ended', () => {
    expect(page({ ...CONTENT, job: { id: 'x', status: 'RUNNING' } })).toContain('http-equiv="refresh"');
    expect(page({ ...CONTENT, job: { id: 'x', status: 'SUCCEEDED' } })).not.toContain('http-equiv="refresh"');
  });

  test('proposes the servers that were chosen', () => {
    const html = page(CONTENT);
    expect(html).toMatch(/name="submit_server"><option selected>a:1/);
    expect(html).toMatch(/name="status_server"><option>a:1<\/option><option selected>b:2/);
  });
});
