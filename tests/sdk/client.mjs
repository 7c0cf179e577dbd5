// One SDK client in a process of its own: the unmodified package, driven by lines of JSON.
//
//   node client.mjs 6            which package: connectycube-<major>
//   stdin   {"id":1,"call":"chat.connect","args":[{...}]}    a method of the SDK by its path, or one of `own` below
//   stdout  {"id":1,"ok":...} | {"id":1,"error":...} | {"event":"onMessageListener","args":[...]}
//
// It hides nothing but the names of the packages: arguments and answers are the SDK's.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';

const major = process.argv[2];
// The packages are installed under the build directory, not beside this file.
const require = createRequire(process.env.NATTER_SDK_MODULES ?? import.meta.url);
const loaded = require(`connectycube-${major}`);
const ConnectyCube = loaded.default ?? loaded;

const LISTENERS = [
  'onMessageListener', 'onMessageErrorListener', 'onSentMessageCallback', 'onMessageTypingListener',
  'onDeliveredStatusListener', 'onReadStatusListener', 'onSystemMessageListener', 'onDisconnectedListener',
  'onReconnectListener', 'onConnectionErrorListener', 'onMessageUpdateListener', 'onMessageDeleteListener',
  'onMessageReactionsListener', 'onJoinOccupant', 'onLeaveOccupant', 'onKickOccupant',
];

const write = (line) => process.stdout.write(JSON.stringify(line) + '\n');
// SDK errors have no own keys, and stanzas know their parents: keep what an app could read of them.
const plain = (value) => {
  if (value === undefined) return null;
  if (value instanceof Error) return { name: value.name, message: value.message, code: value.code, info: plain(value.info) };
  try {
    return JSON.parse(JSON.stringify(value, (key, inner) => (key === 'parent' ? undefined : inner)));
  } catch {
    return String(value);
  }
};
const lookUp = (path) => {
  const names = path.split('.');
  const owner = names.slice(0, -1).reduce((object, name) => object[name], ConnectyCube);
  return [owner, names.at(-1)];
};

const own = {
  'own.init': (credentials, config) => {
    ConnectyCube.init(credentials, config);
    for (const name of LISTENERS) {
      ConnectyCube.chat[name] = (...args) => write({ event: name, args: args.map(plain) });
    }
  },
  'own.get': (path) => {
    const [owner, name] = lookUp(path);
    return owner[name];
  },
  'own.exit': () => setImmediate(() => process.exit(0)),
};

// The SDK logs to the console: keep the protocol line clean.
for (const name of ['log', 'info', 'warn', 'debug', 'error']) {
  console[name] = (...args) => process.stderr.write(args.map(String).join(' ') + '\n');
}
process.on('unhandledRejection', (reason) => write({ event: 'unhandledRejection', args: [plain(reason)] }));

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const { id, call, args = [] } = JSON.parse(line);
    try {
      let result;
      if (own[call]) {
        result = await own[call](...args);
      } else {
        const [owner, name] = lookUp(call);
        result = await owner[name](...args);
      }
      write({ id, ok: plain(result) });
    } catch (error) {
      write({ id, error: plain(error) });
    }
  })
  .on('close', () => process.exit(0));
