// XML as it is written to the chat door. What comes from there is read by the browser's own parser.

const ESCAPED = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;', '\r': '&#13;' };

// What no XML may have (XML 1.0, 2.2) is left out: one such character would end the stream.
const BARRED = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

// Text of an element, or of an attribute.
export const escaped = (text) => String(text).replace(BARRED, '').replace(/[&<>"'\r]/g, (sign) => ESCAPED[sign]);

// An element. Attributes that are undefined are left out; children are XML already.
export const tag = (name, attributes = {}, ...children) => {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined);
  const head = [name, ...given.map(([key, value]) => `${key}="${escaped(value)}"`)].join(' ');
  const content = children.join('');
  return content ? `<${head}>${content}</${name}>` : `<${head}/>`;
};

// An element around a text.
export const words = (name, text) => tag(name, {}, escaped(text));
