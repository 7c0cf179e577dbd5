// One side of the talk as it is shown: who it is, what was said, what is being written, the stanzas. Text only ever goes in as text.

// Frames that are kept to look at.
const FRAMES_MAX = 200;
const TICKS = { waiting: '… waiting', sent: '✓ sent', delivered: '✓✓ delivered', read: '✓✓ read', refused: 'refused' };
const BADGES = { online: 'badge ok', connecting: 'badge warn', offline: 'badge' };

// An element. What begins with `on` is a listener, `text` its text, the rest its attributes.
export const make = (name, { text, ...rest } = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(rest)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? '' : value);
  }
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
};

const time = (at) => make('time', { datetime: at.toISOString(), text: at.toLocaleTimeString() });

export class Pane {
  // `app`: for links. `explain(trouble)`: what a trouble means, as nodes.
  constructor(app, me, explain) {
    Object.assign(this, { app, me, explain });
    // What is shown of each message, by id.
    this.shown = new Map();
    this.build();
  }

  // The chat whose side this is.
  of(chat) {
    this.chat = chat;
    this.refresh();
  }

  build() {
    const { name, id, login } = this.me;
    const heading = `pane-${id}`;
    const field = `say-${id}`;
    this.state = make('span', { class: 'badge', role: 'status' });
    this.unread = make('span', { class: 'badge warn', hidden: true });
    this.door = make('button', { type: 'button', class: 'small', onclick: () => this.turn() });
    this.trouble = make('div', { class: 'trouble', role: 'alert', hidden: true });
    this.list = make('ol', { class: 'said' });
    this.log = make('div', { class: 'talk', role: 'log', tabindex: 0, 'aria-label': `What ${name} sees` }, this.list);
    this.writing = make('p', { class: 'writing quiet', role: 'status' });
    const isSeen = () => this.chat.see();
    this.field = make('input', { id: field, type: 'text', autocomplete: 'off', maxlength: 4000, onfocus: isSeen, oninput: () => this.typed() });
    const label = make('label', { for: field, text: `${name} writes` });
    const send = make('button', { type: 'submit', class: 'main', text: 'Send' }, make('span', { class: 'unseen', text: ` as ${name}` }));
    const form = make('form', { class: 'write', onsubmit: (event) => this.send(event) }, label, this.field, send);
    this.frames = make('ol');
    const frames = make('div', { class: 'frames', tabindex: 0, role: 'group', 'aria-label': `Stanzas of ${name}` }, this.frames);
    this.count = make('span', { text: '0' });
    const summary = make('summary', {}, `Stanzas of ${name} (`, this.count, ')');
    const who = make('p', { class: 'quiet who-is' }, make('code', { text: login }), ' · ', make('a', { href: `/console/apps/${this.app}/users/${id}`, target: '_blank', text: `user ${id}` }));
    const head = make('div', { class: 'pane-head' }, make('h2', { id: heading, text: name }), this.state, this.unread, this.door);
    this.element = make('section', { class: 'pane', 'aria-labelledby': heading }, head, who, this.trouble, this.log, this.writing, form, make('details', { class: 'masked' }, summary, frames));
  }

  turn() {
    if (this.chat.state === 'offline') this.chat.goOnline();
    else this.chat.goOffline();
  }

  typed() {
    this.chat.write(this.field.value !== '');
  }

  send(event) {
    event.preventDefault();
    // The page's script marks forms that were sent, so that they are sent once; this one never leaves the page.
    event.stopPropagation();
    const body = this.field.value.trim();
    if (!body) return;
    this.field.value = '';
    this.chat.say(body);
  }

  // A frame went or came.
  note(isOwn, text) {
    const way = make('span', { class: isOwn ? 'way own' : 'way', text: isOwn ? 'sent' : 'came' });
    this.frames.append(make('li', {}, way, ' ', make('code', { text })));
    if (this.frames.childElementCount > FRAMES_MAX) this.frames.firstElementChild.remove();
    this.frames.parentElement.scrollTop = this.frames.parentElement.scrollHeight;
    this.count.textContent = Number(this.count.textContent) + 1;
  }

  // Shows what is.
  refresh() {
    const { chat } = this;
    if (document.activeElement === this.field) chat.see();
    const { name } = this.me;
    this.state.textContent = chat.state;
    this.state.className = BADGES[chat.state];
    this.door.textContent = chat.state === 'offline' ? `Bring ${name} online` : `Take ${name} offline`;
    const unread = chat.talk.unread().length;
    this.unread.hidden = unread === 0;
    this.unread.textContent = `${unread} unread`;
    this.writing.textContent = chat.isOtherWriting ? `${chat.other.name} is writing …` : '';
    this.trouble.hidden = !chat.trouble;
    if (this.explained !== chat.trouble) this.trouble.replaceChildren(...(chat.trouble ? this.explain(chat.trouble) : []));
    this.explained = chat.trouble;
    const before = this.list.childElementCount;
    chat.talk.messages.forEach((message, place) => this.showMessage(message, place));
    if (this.list.childElementCount > before) this.log.scrollTop = this.log.scrollHeight;
  }

  showMessage(message, place) {
    const known = this.shown.get(message.id) ?? this.addMessage(message, place);
    const state = message.isOwn ? TICKS[message.state] + (message.trouble ? `: ${message.trouble}` : '') : '';
    if (known.textContent !== state) known.textContent = state;
    known.className = message.trouble ? 'tick refused' : `tick ${message.state}`;
  }

  addMessage({ id, body, at, isOwn }, place) {
    const from = make('span', { class: 'unseen', text: isOwn ? `${this.me.name}: ` : `${this.chat.other.name}: ` });
    const tick = make('span', { class: 'tick' });
    const trace = make('a', { href: `/console/apps/${this.app}/messages/${encodeURIComponent(id)}`, target: '_blank', text: 'trace' }, make('span', { class: 'unseen', text: ` of message ${id}` }));
    const line = make('p', { class: 'line' }, time(at), ' ', tick, ' ', trace);
    const item = make('li', { class: isOwn ? 'own' : 'their' }, make('p', { class: 'body' }, from, body), line);
    this.list.insertBefore(item, this.list.children[place] ?? null);
    this.shown.set(id, tick);
    return tick;
  }
}
