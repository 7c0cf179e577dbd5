// One side of the talk: its stream, and the stanzas that the SDK would send (contract xmpp 3 and 5).
import { Stream, answerTo } from './stream.mjs';
import { Talk } from './talk.mjs';
import { tag, words } from './xml.mjs';

const CLIENT = 'jabber:client';
const MARKERS = 'urn:xmpp:chat-markers:0';
const STATES = 'http://jabber.org/protocol/chatstates';
const MANAGEMENT = 'urn:xmpp:sm:3';
const CARBONS = 'urn:xmpp:carbons:2';
// So long after the last key a writer has paused.
const PAUSE_MS = 3_000;

const newId = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

const child = (element, name, ns) => [...element.children].find((one) => one.localName === name && one.namespaceURI === ns);

export class Chat {
  // `me` and `other`: `{ id, name, token }`. `onChange()`: what is shown is not what is. `onFrame`: as of the stream.
  constructor({ address, app, dialog, me, other, messages, onChange, onFrame }) {
    Object.assign(this, { address, app, dialog, me, other, onChange, onFrame });
    this.talk = new Talk(me.id, messages);
    // `offline`, `connecting` or `online`; why it is offline, if nobody wanted that.
    this.state = 'offline';
    this.trouble = undefined;
    this.isOtherWriting = false;
    this.isWriting = false;
    // Stanzas that came since the server counts them.
    this.handled = 0;
  }

  // The domain does not matter to the server (contract xmpp 0.3).
  get to() {
    return `${this.other.id}-${this.app}@${this.domain}`;
  }

  async goOnline() {
    if (this.state !== 'offline') return;
    this.show('connecting');
    this.stream = new Stream({
      address: this.address,
      app: this.app,
      user: this.me.id,
      token: this.me.token,
      onFrame: this.onFrame,
      onElement: (element) => this.read(element),
      onEnd: (trouble) => this.ended(trouble),
    });
    try {
      const address = await this.stream.open();
      this.domain = address.split('@')[1].split('/')[0];
    } catch (trouble) {
      return this.show('offline', trouble);
    }
    this.begin();
    this.show('online');
  }

  goOffline() {
    this.stream?.close();
  }

  // Stream management as the SDK asks for it, so that the server counts messages of ours that it has stored (contract xmpp 5). What
  // it did not confirm before is written again.
  begin() {
    this.talk.begin();
    this.handled = 0;
    const enable = tag('enable', { xmlns: CARBONS });
    this.stream.send(tag('enable', { xmlns: MANAGEMENT }));
    this.stream.send(tag('iq', { xmlns: CLIENT, type: 'set', id: `${newId()}:enableCarbons` }, enable));
    this.stream.send(tag('presence', { xmlns: CLIENT }));
    for (const message of this.talk.waiting()) this.post(message);
  }

  ended(trouble) {
    this.isOtherWriting = false;
    this.isWriting = false;
    clearTimeout(this.pause);
    this.show('offline', trouble);
  }

  show(state, trouble) {
    Object.assign(this, { state, trouble });
    this.onChange();
  }

  // === what is written here ===

  say(body) {
    this.isWriting = false;
    clearTimeout(this.pause);
    const message = this.talk.write(newId(), body);
    if (this.state === 'online') this.post(message);
    this.onChange();
  }

  post({ id, body }) {
    const extra = [words('save_to_history', '1'), words('dialog_id', this.dialog)];
    const children = [words('body', body), tag('markable', { xmlns: MARKERS }), tag('extraParams', { xmlns: CLIENT }, ...extra)];
    this.stream.send(this.message(id, ...children));
    this.stream.send(tag('r', { xmlns: MANAGEMENT }));
    this.talk.ask(id);
  }

  // Somebody writes here, or does not any more.
  write(isWriting) {
    clearTimeout(this.pause);
    if (isWriting) this.pause = setTimeout(() => this.write(false), PAUSE_MS);
    if (this.state !== 'online' || isWriting === this.isWriting) return;
    this.isWriting = isWriting;
    this.stream.send(this.message(undefined, tag(isWriting ? 'composing' : 'paused', { xmlns: STATES })));
  }

  // Whoever sits here sees what came.
  see() {
    if (this.state !== 'online' || this.talk.unread().length === 0) return;
    for (const { id } of this.talk.see()) this.mark('displayed', id);
    this.onChange();
  }

  mark(what, id) {
    const extra = tag('extraParams', { xmlns: CLIENT }, words('dialog_id', this.dialog));
    this.stream.send(this.message(newId(), tag(what, { xmlns: MARKERS, id }), extra));
  }

  message(id, ...children) {
    return tag('message', { xmlns: CLIENT, type: 'chat', to: this.to, id }, ...children);
  }

  // === what comes ===

  read(element) {
    if (element.namespaceURI === MANAGEMENT) return this.manage(element);
    this.handled += 1;
    if (element.localName === 'iq' && ['get', 'set'].includes(element.getAttribute('type'))) this.stream.send(answerTo(element));
    if (element.localName === 'message') this.take(element);
    this.onChange();
  }

  manage(element) {
    if (element.localName === 'r') this.stream.send(tag('a', { xmlns: MANAGEMENT, h: this.handled }));
    if (element.localName === 'a') this.talk.confirm(Number(element.getAttribute('h')));
    this.onChange();
  }

  take(message) {
    const copy = child(message, 'sent', CARBONS)?.querySelector('message');
    if (copy) return this.takeCopy(copy);
    const id = message.getAttribute('id');
    if (message.getAttribute('type') === 'error') {
      const error = child(message, 'error', CLIENT);
      return this.talk.refuse(id, error?.querySelector('text')?.textContent || error?.firstElementChild?.localName || 'refused');
    }
    // Of others than the one beside him nothing is shown here.
    if (!message.getAttribute('from')?.startsWith(`${this.other.id}-`)) return;
    const [received, displayed] = ['received', 'displayed'].map((name) => child(message, name, MARKERS)?.getAttribute('id'));
    if (received) this.talk.move(received, 'delivered');
    if (displayed) this.talk.move(displayed, 'read');
    if (child(message, 'composing', STATES)) this.isOtherWriting = true;
    if (child(message, 'paused', STATES)) this.isOtherWriting = false;
    const body = child(message, 'body', CLIENT);
    if (!body) return;
    this.isOtherWriting = false;
    const stamp = child(message, 'delay', 'urn:xmpp:delay')?.getAttribute('stamp');
    this.talk.take(id, this.other.id, body.textContent, stamp ? new Date(stamp) : new Date());
    this.mark('received', id);
  }

  // What another page of the same user sent.
  takeCopy(message) {
    const displayed = child(message, 'displayed', MARKERS)?.getAttribute('id');
    const seen = displayed && this.talk.find(displayed);
    if (seen && !seen.isOwn) seen.state = 'read';
    const body = child(message, 'body', CLIENT);
    if (body && message.getAttribute('to')?.startsWith(`${this.other.id}-`)) {
      this.talk.take(message.getAttribute('id'), this.me.id, body.textContent);
    }
  }
}
