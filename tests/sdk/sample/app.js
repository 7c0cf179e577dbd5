// A small web chat, written as the SDK's chat guide shows. Nothing here knows Natter but `config.json`, which is what
// `natter sdk-config --json` prints.
const SDK = window.ConnectyCube.default ?? window.ConnectyCube;

const $ = (selector, root = document) => root.querySelector(selector);
const PRIVATE = 3;
const GROUP = 2;

let me;
let dialogs = [];
let open; // the dialog on the screen
const names = new Map(); // users by id
const typingOf = new Map(); // timers by user

// === signing in ===

$('#sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  const { login, password, fresh } = event.target.elements;
  show(event.target, () => signIn(login.value, password.value, fresh.checked));
});

const signIn = async (login, password, fresh) => {
  const { credentials, config } = await (await fetch('config.json')).json();
  SDK.init(credentials, config);
  if (fresh) {
    await SDK.createSession();
    await SDK.users.signup({ login, password, full_name: login });
  }
  const session = await SDK.createSession({ login, password });
  me = session.user;
  listen();
  await SDK.chat.connect({ userId: me.id, password });
  $('#me').textContent = me.full_name || me.login;
  $('#sign-in').hidden = true;
  $('#chat').hidden = false;
  state('online');
  await loadDialogs();
};

$('#sign-out').addEventListener('click', async () => {
  SDK.chat.disconnect();
  await SDK.destroySession().catch(() => {});
  location.reload();
});

// === what comes over the stream ===

const listen = () => {
  Object.assign(SDK.chat, {
    onMessageListener: received,
    onMessageErrorListener: (id) => status(id, 'not sent'),
    onSentMessageCallback: (lost, sent) => status((sent ?? lost).id, sent ? 'sent' : 'not sent'),
    onDeliveredStatusListener: (id) => status(id, 'delivered'),
    onReadStatusListener: (id) => status(id, 'read'),
    onMessageTypingListener: typing,
    onDisconnectedListener: () => state('offline'),
    onReconnectListener: () => {
      state('online');
      loadDialogs();
    },
  });
};

const received = async (sender, message) => {
  const id = message.dialog_id ?? message.extension?.dialog_id;
  typing(false, sender, id);
  // The echo of an own message to a group, or what was sent from another device.
  if (sender === me.id && document.getElementById(message.id)) return status(message.id, 'sent');
  const known = dialogs.some(({ _id }) => _id === id);
  if (!known) await loadDialogs();
  const dialog = dialogs.find(({ _id }) => _id === id);
  if (!dialog) return;
  const seen = open?._id === id;
  if (seen) append({ ...message, _id: message.id, message: message.body, sender_id: sender, attachments: message.extension?.attachments });
  // That it was delivered the SDK says by itself.
  if (seen && sender !== me.id) SDK.chat.sendReadStatus({ messageId: message.id, userId: sender, dialogId: id });
  dialog.last_message = message.body;
  if (known && !seen && sender !== me.id) dialog.unread_messages_count += 1;
  drawDialogs();
};

const typing = (isTyping, user, dialog) => {
  clearTimeout(typingOf.get(user));
  const here = dialog ? open?._id === dialog : open?.type === PRIVATE && open.occupants_ids.includes(user);
  if (!here) return;
  $('#typing').textContent = isTyping ? `${names.get(user) ?? 'somebody'} is typing` : '';
  if (isTyping) typingOf.set(user, setTimeout(() => typing(false, user, dialog), 6000));
};

// === dialogs ===

const loadDialogs = async () => {
  const { items } = await SDK.chat.dialog.list({ sort_desc: 'updated_at', limit: 100 });
  dialogs = items;
  await learn(dialogs.flatMap(({ occupants_ids }) => occupants_ids));
  drawDialogs();
};

const drawDialogs = () => {
  $('#dialogs').replaceChildren(...dialogs.map((dialog) => {
    const button = element('button', dialog.name ?? 'a chat');
    if (dialog.unread_messages_count) button.append(element('span', dialog.unread_messages_count, 'unread'));
    button.append(element('small', dialog.last_message ?? ''));
    if (dialog._id === open?._id) button.setAttribute('aria-current', 'true');
    button.addEventListener('click', () => openDialog(dialog));
    const item = document.createElement('li');
    item.append(button);
    return item;
  }));
};

$('#start').addEventListener('submit', (event) => {
  event.preventDefault();
  show(event.target, async () => {
    const logins = event.target.elements.logins.value.split(',').map((login) => login.trim()).filter(Boolean);
    const found = await Promise.all(logins.map((login) => SDK.users.getV2({ login, limit: 1 })));
    const users = found.map(({ items }, n) => {
      if (!items[0]) throw new Error(`nobody is called ${logins[n]}`);
      return items[0];
    });
    const occupants_ids = users.map(({ id }) => id);
    const params = users.length === 1 ? { type: PRIVATE, occupants_ids } : { type: GROUP, name: logins.join(', '), occupants_ids };
    const dialog = await SDK.chat.dialog.create(params);
    event.target.reset();
    await loadDialogs();
    await openDialog(dialogs.find(({ _id }) => _id === dialog._id) ?? dialog);
  });
});

const openDialog = async (dialog) => {
  open = dialog;
  dialog.unread_messages_count = 0;
  $('#title').textContent = dialog.name ?? 'a chat';
  $('#typing').textContent = '';
  $('#write').hidden = false;
  $('#messages').replaceChildren();
  drawDialogs();
  const { items } = await SDK.chat.message.list({ chat_dialog_id: dialog._id, sort_desc: 'date_sent', limit: 50, mark_as_read: 0 });
  if (open !== dialog) return;
  items.reverse().forEach(append);
  for (const { _id, sender_id, read_ids } of items) {
    if (sender_id === me.id || read_ids.includes(me.id)) continue;
    SDK.chat.sendReadStatus({ messageId: _id, userId: sender_id, dialogId: dialog._id });
  }
};

// === messages ===

const append = (message) => {
  if (document.getElementById(message._id)) return;
  const item = element('li', '');
  item.id = message._id;
  const own = message.sender_id === me.id;
  item.classList.toggle('own', own);
  if (!own && open.type !== PRIVATE) item.append(element('small', `${names.get(message.sender_id) ?? message.sender_id} `));
  item.append(element('span', message.message ?? ''));
  for (const { uid, type, name } of message.attachments ?? []) item.append(attachment(uid, type, name));
  if (own) item.append(element('small', ` ${statusOf(message)}`, 'status'));
  $('#messages').append(item);
  item.scrollIntoView();
};

const statusOf = ({ read_ids = [], delivered_ids = [], pending }) => {
  const others = (ids) => ids.some((id) => id !== me.id);
  if (pending) return 'sending';
  return others(read_ids) ? 'read' : others(delivered_ids) ? 'delivered' : 'sent';
};

const ORDER = ['sending', 'not sent', 'sent', 'delivered', 'read'];
const status = (id, next) => {
  const shown = $('.status', document.getElementById(id) ?? document.createElement('li'));
  if (shown && ORDER.indexOf(next) > ORDER.indexOf(shown.textContent.trim())) shown.textContent = ` ${next}`;
};

const attachment = (uid, type, name) => {
  const url = SDK.storage.privateUrl(uid);
  if (type === 'photo') return Object.assign(document.createElement('img'), { src: url, alt: name ?? '' });
  return Object.assign(document.createElement('a'), { href: url, textContent: name ?? 'file' });
};

$('#write').addEventListener('submit', async (event) => {
  event.preventDefault();
  const { text, file } = event.target.elements;
  const extension = { save_to_history: 1, dialog_id: open._id };
  if (file.files[0]) extension.attachments = [await upload(file.files[0])];
  if (!text.value && !extension.attachments) return;
  const body = text.value || 'Attachment';
  event.target.reset();
  const message = { type: open.type === PRIVATE ? 'chat' : 'groupchat', body, extension };
  const id = SDK.chat.send(address(), message);
  append({ _id: id, message: body, sender_id: me.id, attachments: extension.attachments, pending: true });
  open.last_message = body;
  drawDialogs();
});

const upload = async (file) => {
  const { name, type, size } = file;
  const { uid, id } = await SDK.storage.createAndUpload({ file, name, type, size, public: false });
  return { id, uid, name, type: type.startsWith('image/') ? 'photo' : 'file' };
};

let saidTyping = 0;
$('#write [name=text]').addEventListener('input', () => {
  if (Date.now() - saidTyping < 3000) return;
  saidTyping = Date.now();
  SDK.chat.sendIsTypingStatus(address());
});

// A private chat is written to the other user, a group to its dialog.
const address = () => (open.type === PRIVATE ? open.occupants_ids.find((id) => id !== me.id) : open._id);

// === odds and ends ===

const learn = async (ids) => {
  const unknown = [...new Set(ids)].filter((id) => !names.has(id));
  if (!unknown.length) return;
  const { items } = await SDK.users.getV2({ id: { in: unknown }, limit: 100 });
  for (const { id, full_name, login } of items) names.set(id, full_name || login);
};

const show = async (form, work) => {
  const error = $('.error', form);
  error.textContent = '';
  try {
    await work();
  } catch (reason) {
    error.textContent = reason?.info?.errors ? [Object.values(reason.info.errors)].flat(2).join(', ') : reason?.message ?? String(reason);
  }
};

const state = (text) => ($('#state').textContent = text);

const element = (name, text, ...classes) => {
  const made = document.createElement(name);
  made.textContent = text;
  made.classList.add(...classes);
  return made;
};
