// XMPP over WebSocket (RFC 7395): one element per frame; open, SASL PLAIN, open again, bind. It knows no messages.
import { tag } from './xml.mjs';

const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
// Longest from the first byte to the bound session, and for the farewell.
const OPENING_MS = 15_000;
const FAREWELL_MS = 2_000;

// Why there is no stream. `kind`: `unreached`, `refused` or `ended`.
export class Trouble extends Error {
  constructor(kind, text) {
    super(text);
    this.kind = kind;
  }
}

export class Stream {
  // `address`: `ws://...` or `wss://...`. `onFrame(isOwn, text)`: each frame, the secret left out. `onElement(element)`: each one behind
  // the sign-in. `onEnd(trouble)`: the stream that was there is over; without a trouble it was closed here.
  constructor({ address, app, user, token, onFrame, onElement, onEnd }) {
    Object.assign(this, { address, app, user, token, onFrame, onElement, onEnd });
    this.isBound = false;
    this.isClosing = false;
  }

  // Answers the full address of the session.
  open() {
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.timer = setTimeout(() => this.fail(new Trouble('unreached', 'It took too long.')), OPENING_MS);
      this.socket = new WebSocket(this.address, 'xmpp');
      this.socket.addEventListener('open', () => this.greet());
      this.socket.addEventListener('message', ({ data }) => this.read(data));
      this.socket.addEventListener('close', () => this.over());
      this.next = (element) => this.offered(element);
    });
  }

  send(xml, shown = xml) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(xml);
    this.onFrame(true, shown);
  }

  // Says farewell. The server ends the session with it, at once.
  close() {
    if (this.isClosing) return;
    this.isClosing = true;
    this.send(tag('close', { xmlns: FRAMING }));
    setTimeout(() => this.socket.close(), FAREWELL_MS);
  }

  greet() {
    this.send(tag('open', { xmlns: FRAMING, to: new URL(this.address).hostname, version: '1.0' }));
  }

  read(text) {
    this.onFrame(false, text);
    const element = new DOMParser().parseFromString(text, 'text/xml').documentElement;
    if (element.localName === 'open') return;
    if (element.localName === 'close') return this.socket.close();
    if (element.localName === 'error' && element.prefix === 'stream') return this.fail(new Trouble('ended', conditionOf(element)));
    this.isBound ? this.onElement(element) : this.next(element);
  }

  // === to the session ===

  offered(features) {
    const mechanisms = [...features.getElementsByTagNameNS(SASL, 'mechanism')].map((one) => one.textContent);
    if (!mechanisms.includes('PLAIN')) {
      return this.fail(new Trouble('refused', 'This door takes no passwords without TLS.'));
    }
    const secret = btoa(`\0${this.user}-${this.app}\0${this.token}`);
    const auth = (content) => tag('auth', { xmlns: SASL, mechanism: 'PLAIN' }, content);
    this.send(auth(secret), auth('…'));
    this.next = (answer) => this.answered(answer);
  }

  answered(answer) {
    if (answer.localName !== 'success') return this.fail(new Trouble('refused', conditionOf(answer)));
    this.greet();
    this.next = () => this.bind();
  }

  bind() {
    this.send(tag('iq', { xmlns: 'jabber:client', type: 'set', id: 'bind' }, tag('bind', { xmlns: BIND })));
    this.next = (answer) => this.bound(answer);
  }

  bound(answer) {
    const address = answer.getElementsByTagNameNS(BIND, 'jid')[0]?.textContent;
    if (!address) return this.fail(new Trouble('refused', conditionOf(answer.querySelector('error') ?? answer)));
    this.isBound = true;
    clearTimeout(this.timer);
    this.settle.resolve(address);
  }

  // === its end ===

  fail(trouble) {
    this.trouble ??= trouble;
    this.socket.close();
  }

  over() {
    clearTimeout(this.timer);
    const trouble = this.isClosing ? undefined : (this.trouble ?? new Trouble(this.isBound ? 'ended' : 'unreached', ''));
    if (this.isBound) this.onEnd(trouble);
    else this.settle.reject(trouble);
  }
}

// What an error says: its text, else its condition (RFC 6120, 4.9.2).
const conditionOf = (element) => {
  const text = [...element.children].find((one) => one.localName === 'text')?.textContent;
  return text || element.firstElementChild?.localName || element.localName;
};

// The frame of an element that answers a question of the server: who is asked gets one (RFC 6120, 8.2.3).
export const answerTo = (iq) => {
  const [id, to] = [iq.getAttribute('id') ?? undefined, iq.getAttribute('from') ?? undefined];
  if (iq.getElementsByTagNameNS('urn:xmpp:ping', 'ping').length > 0) {
    return tag('iq', { xmlns: 'jabber:client', type: 'result', id, to });
  }
  const condition = tag('service-unavailable', { xmlns: 'urn:ietf:params:xml:ns:xmpp-stanzas' });
  return tag('iq', { xmlns: 'jabber:client', type: 'error', id, to }, tag('error', { type: 'cancel' }, condition));
};
