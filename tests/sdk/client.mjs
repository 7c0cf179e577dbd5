// One SDK client in a process of its own: the unmodified package, driven by lines of JSON.
//
//   node client.mjs 6 node       which package (connectycube-<major>) and where it runs: node, or browser (headless Chromium)
//   stdin   {"id":1,"call":"chat.connect","args":[{...}]}    a method of the SDK by its path, or one of `own` in driver.mjs
//   stdout  {"id":1,"ok":...} | {"id":1,"error":...} | {"event":"onMessageListener","args":[...],"at":1234.5}
import dns, { setServers } from 'node:dns';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { open } from './chromium.mjs';
import { drive } from './driver.mjs';

const [major, place] = [Number(process.argv[2]), process.argv[3]];
// The packages are installed under the build directory, not beside this file.
const require = createRequire(process.env.NATTER_SDK_MODULES ?? import.meta.url);
const name = `connectycube-${major}`;

const write = (line) => process.stdout.write(JSON.stringify(line) + '\n');
// The SDK logs to the console: keep the protocol line clean.
for (const level of ['log', 'info', 'warn', 'debug', 'error']) {
  console[level] = (...args) => process.stderr.write(args.map(String).join(' ') + '\n');
}
process.on('unhandledRejection', (reason) => write({ event: 'unhandledRejection', args: [String(reason)] }));

const inNode = () => {
  // 1.x asks for SRV records of the address it is given: nobody answers, at once, and no question leaves the machine.
  setServers(['127.0.0.1:1']);
  // Names of apps are found on this machine (RFC 6761, 6.4: nobody else has them).
  const lookUpName = dns.lookup;
  dns.lookup = (name, ...rest) => lookUpName(name.endsWith('.test') ? '127.0.0.1' : name, ...rest);
  const loaded = require(name);
  return drive(loaded.default ?? loaded, major, write);
};
// The first line is `own.init`: it says which server the browser has to trust.
let client;
const receive = async (line) => {
  client ??= place === 'browser' ? open(require, name, major, line.args[1].endpoints.api, write) : inNode();
  (await client)(line);
};

createInterface({ input: process.stdin })
  .on('line', (line) => receive(JSON.parse(line)))
  .on('close', () => process.exit(0));
