// Headless Chromium with one page that loads the SDK's browser bundle by a script tag, as an app would.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { connect } from 'node:tls';

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--disable-extensions', '--remote-debugging-pipe',
  // A microphone that needs no asking, for calls.
  '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
];

// Opens the page and returns what takes the lines for it. `api` is the `host:port` whose certificate the page will trust. The
// profile's folder is the caller's to remove.
export const open = async (require, name, major, api, write) => {
  const port = await serve(join(dirname(require.resolve(`${name}/package.json`)), 'dist/connectycube.min.js'), major);
  const browser = start(await pin(api));
  const { targetInfos } = await browser.send('Target.getTargets');
  const { targetId } = targetInfos.find(({ type }) => type === 'page');
  const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
  const page = (method, params) => browser.send(method, params, sessionId);
  const ready = new Promise((resolve) => {
    browser.on('Runtime.bindingCalled', ({ payload }) => (payload === 'ready' ? resolve() : write(JSON.parse(payload))));
  });
  browser.on('Runtime.consoleAPICalled', ({ args }) => console.log(...args.map(({ value, description }) => value ?? description)));
  browser.on('Runtime.exceptionThrown', ({ exceptionDetails: { text, exception } }) => {
    write({ event: 'unhandledRejection', args: [exception?.description ?? text] });
  });
  await page('Runtime.enable');
  await page('Runtime.addBinding', { name: 'say' });
  await page('Page.navigate', { url: `http://localhost:${port}/` });
  await ready;
  return (line) => page('Runtime.evaluate', { expression: `receive(${JSON.stringify(line)})` });
};

const serve = (bundle, major) => {
  const page = `<!doctype html><meta charset="utf-8"><title>SDK ${major}</title><script src="/sdk.js"></script>
    <script type="module">
      import { drive } from '/driver.mjs';
      const sdk = window.ConnectyCube.default ?? window.ConnectyCube;
      window.receive = drive(sdk, ${major}, (line) => say(JSON.stringify(line)));
      say('ready');
    </script>`;
  const files = {
    '/': ['text/html', () => page],
    '/sdk.js': ['text/javascript', () => readFileSync(bundle)],
    '/driver.mjs': ['text/javascript', () => readFileSync(new URL('driver.mjs', import.meta.url))],
  };
  const server = createServer(({ url }, response) => {
    const [type, read] = files[url] ?? [];
    response.writeHead(type ? 200 : 404, { 'content-type': type ?? 'text/plain' }).end(type ? read() : '');
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
};

// The DevTools protocol over the pipe: JSON, each ended by a zero byte. Chromium ends when this process does. `pin`: the key of a
// server that is trusted; none if nothing is asked over TLS.
export const start = (pin) => {
  const trust = pin ? [`--ignore-certificate-errors-spki-list=${pin}`] : [];
  const flags = [...FLAGS, `--user-data-dir=${process.env.NATTER_BROWSER_PROFILE}`, ...trust];
  const child = spawn('chromium', [...flags, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  child.on('exit', () => process.exit(1));
  const [, , , to, from] = child.stdio;
  const pending = new Map();
  const listeners = new Map();
  let rest = Buffer.alloc(0);
  from.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
      const { id, result, error, method, params } = JSON.parse(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      if (method) listeners.get(method)?.(params);
      else pending.get(id)?.(error ? Promise.reject(new Error(error.message)) : result);
      pending.delete(id);
    }
  });
  let last = 0;
  return {
    on: (method, listener) => listeners.set(method, listener),
    send: (method, params = {}, sessionId) =>
      new Promise((resolve) => {
        pending.set(++last, resolve);
        to.write(JSON.stringify({ id: last, method, params, sessionId }) + '\0');
      }),
  };
};

// The server's key, as Chromium's flag takes it, from a certificate that the test's CA (`NODE_EXTRA_CA_CERTS`) vouches for:
// Chromium knows no other way to trust a CA than a store of its own that only further tools can fill.
const pin = (api) =>
  new Promise((resolve, reject) => {
    const [host, port] = api.split(':');
    const socket = connect({ host, port, servername: host }, () => {
      resolve(createHash('sha256').update(spki(socket)).digest('base64'));
      socket.end();
    }).on('error', reject);
  });
const spki = (socket) => socket.getPeerX509Certificate().publicKey.export({ type: 'spki', format: 'der' });
