// Drives one SDK object by calls and events, the same way for every major, in Node and in a page.
//
// It hides what the majors call the same thing: callbacks or promises, names of settings, what a call's answer is wrapped in.
// Arguments and answers are the SDK's otherwise.

const LISTENERS = [
  'onMessageListener', 'onMessageErrorListener', 'onSentMessageCallback', 'onMessageTypingListener',
  'onDeliveredStatusListener', 'onReadStatusListener', 'onSystemMessageListener', 'onDisconnectedListener',
  'onReconnectListener', 'onConnectionErrorListener', 'onMessageUpdateListener', 'onMessageDeleteListener',
  'onMessageReactionsListener', 'onJoinOccupant', 'onLeaveOccupant', 'onKickOccupant', 'onLastUserActivityListener',
  'onSubscribeListener', 'onConfirmSubscribeListener', 'onRejectSubscribeListener', 'onContactListListener',
];

// Methods of 1.x that take no callback: what they return is all there is (contract rest 9.4).
const AT_ONCE = new Set([
  'chat.send', 'chat.sendSystemMessage', 'chat.sendIsTypingStatus', 'chat.sendIsStopTypingStatus', 'chat.sendDeliveredStatus',
  'chat.sendReadStatus', 'chat.getLastUserActivity', 'chat.disconnect', 'storage.privateUrl', 'storage.publicUrl',
]);
// Methods of 1.x whose callback has the answer, if anything, as its only argument.
const ANSWER_FIRST = new Set([
  'chat.muc.listOnlineUsers', 'chat.muc.leave', 'chat.contactList.get', 'chat.contactList.updateName',
]);
// Methods of 2.x and 3.x whose promise never settles (contract xmpp 10).
const NEVER_SETTLES = new Set(['chat.contactList.confirm']);
// Answers that 1.x unwraps and later majors do not.
const USER_INSIDE = new Set(['users.signup', 'users.update', 'users.get']);
const unwrap = (path, answer) => (USER_INSIDE.has(path) && answer && !answer.items ? { user: answer } : answer);

// SDK errors have no own keys, stanzas know their parents, and browsers of 1.x hand out DOM elements: keep what an app could
// read of them.
const plain = (value) => {
  if (value === undefined) return null;
  if (value instanceof Error) return { name: value.name, message: value.message, code: value.code, info: plain(value.info) };
  try {
    return JSON.parse(JSON.stringify(value, (key, inner) => (key === 'parent' ? undefined : element(inner))));
  } catch {
    return String(value);
  }
};
const element = (value) =>
  value?.nodeType === 1
    ? { name: value.nodeName, attrs: Object.fromEntries([...value.attributes].map(({ name, value }) => [name, value])) }
    : value;

const CALL_LISTENERS = ['onAcceptCallListener', 'onRejectCallListener', 'onStopCallListener'];

// The calling module, where there is WebRTC. `offered` is the description a caller sends, `described` one that a page takes.
const listenToCalls = (sdk, write, state) => {
  sdk.videochat.onCallListener = (session, info) => {
    state.call = session;
    write({ event: 'onCallListener', args: [session.initiatorID, plain(info)] });
  };
  for (const name of CALL_LISTENERS) {
    sdk.videochat[name] = (session, user, info) => write({ event: name, args: [user, plain(info)] });
  }
  const provider = sdk.videochat.signalingProvider;
  const send = provider.sendMessage;
  provider.sendMessage = function (user, extension, type) {
    if (type === 'call') write({ event: 'offered', args: [extension.sdp] });
    return send.apply(this, arguments);
  };
  const take = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    write({ event: 'described', args: [description.type, description.sdp] });
    return take.apply(this, arguments);
  };
};
const microphone = (session, major) =>
  major > 1
    ? session.getUserMedia({ audio: true })
    : new Promise((resolve, reject) => session.getUserMedia({ audio: true }, (error) => (error ? reject(error) : resolve())));

const own = (sdk, major, write, state) => ({
  'own.init': (credentials, config) => {
    const seconds = config.chat?.reconnect?.timeInterval;
    if (major < 3 && seconds) config.chat.reconnectionTimeInterval = seconds;
    sdk.init(credentials, config);
    for (const name of LISTENERS) {
      sdk.chat[name] = (...args) => {
        // 2.x tells of a reconnect at every connect (contract xmpp 1.8).
        const told = major === 2 && name === 'onReconnectListener' && state.connecting;
        if (!told) write({ event: name, args: args.map(plain), at: performance.now() });
      };
    }
    if (typeof RTCPeerConnection !== 'undefined') listenToCalls(sdk, write, state);
  },
  // Calls a user by voice; what is said about it goes to `state.call`, as does a call that comes in.
  'own.ring': async (user, info) => {
    state.call = sdk.videochat.createNewSession([user], sdk.videochat.CallType.AUDIO, {});
    await microphone(state.call, major);
    state.call.call(info);
  },
  'own.accept': async (info) => {
    await microphone(state.call, major);
    state.call.accept(info);
  },
  'own.hangUp': (info) => state.call.stop(info),
  'own.reject': (info) => state.call.reject(info),
  // A file with this text, of the kind that the place has, uploaded as an app does it.
  'own.createAndUpload': (text, params) => {
    const bytes = new TextEncoder().encode(text);
    const file = typeof window === 'undefined' ? Buffer.from(bytes) : new File([bytes], params.name, { type: params.type });
    return call(sdk, major, 'storage.createAndUpload', [{ ...params, file }]);
  },
  // Follows an address as an image or a link does: with nothing of the SDK's.
  'own.fetch': async (url) => {
    const answer = await fetch(url);
    return { status: answer.status, text: await answer.text() };
  },
  'own.get': (path) => {
    const [owner, name] = lookUp(sdk, path);
    return owner[name];
  },
});

const lookUp = (sdk, path) => {
  const names = path.split('.');
  const owner = names.slice(0, -1).reduce((object, name) => object[name], sdk);
  return [owner, names.at(-1)];
};

const call = (sdk, major, path, args) => {
  const [owner, name] = lookUp(sdk, path);
  if (typeof owner?.[name] !== 'function') throw new Error(`SDK ${major} has no ${path}`);
  if (major > 1 && NEVER_SETTLES.has(path)) return void owner[name](...args);
  if (major > 1 || AT_ONCE.has(path)) return owner[name](...args);
  return new Promise((resolve, reject) => {
    // Two named parameters: `muc.join` counts them (contract xmpp 4.1).
    const settle = (error, answer) => (error ? reject(error) : resolve(unwrap(path, answer)));
    owner[name](...args, ANSWER_FIRST.has(path) ? resolve : settle);
  });
};

// Returns what takes a line `{id, call, args}` and answers it with `write({id, ok})` or `write({id, error})`.
export const drive = (sdk, major, write) => {
  const state = { connecting: false };
  const extra = own(sdk, major, write, state);
  return async ({ id, call: path, args = [] }) => {
    state.connecting ||= path === 'chat.connect';
    try {
      write({ id, ok: plain(await (extra[path] ? extra[path](...args) : call(sdk, major, path, args))) });
    } catch (error) {
      write({ id, error: plain(error) });
    } finally {
      state.connecting &&= path !== 'chat.connect';
    }
  };
};
