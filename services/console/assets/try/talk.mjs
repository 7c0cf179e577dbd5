// What one side knows of the talk: its messages in order, and what became of each. No socket, no page.

// What becomes of an own message; it never goes back.
const STATES = ['waiting', 'sent', 'delivered', 'read'];

export class Talk {
  // `me`: the id of whose side this is. `messages`: what was said before, `{ id, sender, body, at, state }`, oldest first.
  constructor(me, messages = []) {
    this.me = me;
    this.messages = messages.map((one) => ({ ...one, at: new Date(one.at), isOwn: one.sender === me }));
    // Ids that the server was sent on this stream and asked to confirm, oldest first, and how many of them it did.
    this.asked = [];
    this.confirmed = 0;
  }

  find(id) {
    return this.messages.find((one) => one.id === id);
  }

  // Something was written here. It waits until the server has it.
  write(id, body, at = new Date()) {
    const message = { id, sender: this.me, body, at, state: 'waiting', isOwn: true };
    this.messages.push(message);
    return message;
  }

  // A message came; one that was kept for this side stands where it belongs by its time. Nothing, if it is known already: what is
  // delivered may come twice.
  take(id, sender, body, at = new Date()) {
    if (this.find(id)) return undefined;
    const isOwn = sender === this.me;
    const message = { id, sender, body, at, state: isOwn ? 'sent' : 'delivered', isOwn };
    this.messages.splice(this.messages.findLastIndex((one) => one.at <= at) + 1, 0, message);
    return message;
  }

  // A stream begins: nothing is asked on it yet.
  begin() {
    this.asked = [];
    this.confirmed = 0;
  }

  // A message was written to the stream, with the question whether the server has it.
  ask(id) {
    this.asked.push(id);
  }

  // The server has so many of those that were asked about on this stream. Answers which are new.
  confirm(count) {
    const known = this.asked.slice(this.confirmed, count);
    this.confirmed = Math.max(this.confirmed, Math.min(count, this.asked.length));
    return known.map((id) => this.move(id, 'sent')).filter(Boolean);
  }

  // Own messages that the server did not confirm. Written again with the same id they are the same messages.
  waiting() {
    return this.messages.filter((one) => one.isOwn && one.state === 'waiting');
  }

  // Something became of an own message. The message, if that is news.
  move(id, state) {
    const message = this.find(id);
    if (!message?.isOwn || message.trouble || STATES.indexOf(state) <= STATES.indexOf(message.state)) return undefined;
    message.state = state;
    return message;
  }

  // The server refused it.
  refuse(id, why) {
    const message = this.find(id);
    if (!message?.isOwn) return undefined;
    message.trouble = why;
    message.state = 'refused';
    return message;
  }

  unread() {
    return this.messages.filter((one) => !one.isOwn && one.state !== 'read');
  }

  // This side has seen everything. Answers what it had not.
  see() {
    const unread = this.unread();
    for (const one of unread) one.state = 'read';
    return unread;
  }
}
