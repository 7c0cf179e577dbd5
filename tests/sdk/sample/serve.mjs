// Serves the sample: `node tests/sdk/sample/serve.mjs PORT CONFIG SDK`, where CONFIG is a file with what
// `natter sdk-config --json --plain` prints and SDK the SDK's `dist/connectycube.min.js`.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

export const serve = (port, config, sdk) => {
  const own = (name) => () => readFileSync(new URL(name, import.meta.url));
  const files = {
    '/': ['text/html; charset=utf-8', own('index.html')],
    '/app.js': ['text/javascript; charset=utf-8', own('app.js')],
    '/style.css': ['text/css; charset=utf-8', own('style.css')],
    '/sdk.js': ['text/javascript; charset=utf-8', () => readFileSync(sdk)],
    '/config.json': ['application/json', () => readFileSync(config)],
  };
  const server = createServer(({ url }, response) => {
    const [type, read] = files[url] ?? [];
    response.writeHead(type ? 200 : 404, { 'content-type': type ?? 'text/plain' }).end(type ? read() : 'not here');
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server.address().port)));
};

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [, , port, config, sdk] = process.argv;
  console.log(`http://localhost:${await serve(Number(port), config, sdk)}`);
}
