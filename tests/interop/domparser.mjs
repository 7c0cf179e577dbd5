// Reads documents with Chromium's XML parser and compares the trees; prints how many were alike.
import { readFileSync } from 'node:fs';
import { start } from '../sdk/chromium.mjs';

const BATCH = 500;

// Runs in the page.
const differing = (documents) => {
  const tree = (element) => {
    const attributes = [...element.attributes].filter(({ name }) => name !== 'xmlns' && !name.startsWith('xmlns:'));
    const named = attributes.map(({ name, value }) => [name, value]);
    named.sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
    const children = [];
    for (const node of element.childNodes) {
      if (node.nodeType === 1) children.push(tree(node));
      else if (typeof children.at(-1) === 'string') children[children.length - 1] += node.data;
      else children.push(node.data);
    }
    return [element.namespaceURI ?? '', element.localName, named, children];
  };
  for (const { xml, tree: expected, inside } of documents) {
    const root = new DOMParser().parseFromString(xml, 'application/xml').documentElement;
    const found = inside ? tree(root)[3][0] : tree(root);
    if (JSON.stringify(found) !== JSON.stringify(expected)) return `${xml}\nwas ${JSON.stringify(expected)}\nis  ${JSON.stringify(found)}`;
  }
  return '';
};

const browser = start();
const { targetInfos } = await browser.send('Target.getTargets');
const { targetId } = targetInfos.find(({ type }) => type === 'page');
const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
const documents = readFileSync(process.argv[2], 'utf8').split('\n').filter(Boolean);
for (let from = 0; from < documents.length; from += BATCH) {
  const batch = `[${documents.slice(from, from + BATCH).join(',')}]`;
  const expression = `(${differing})(JSON.parse(${JSON.stringify(batch)}))`;
  const { result, exceptionDetails } = await browser.send('Runtime.evaluate', { expression, returnByValue: true }, sessionId);
  const wrong = exceptionDetails ? exceptionDetails.exception?.description : result.value;
  if (wrong) {
    console.log(wrong);
    process.exit(1);
  }
}
console.log(documents.length);
process.exit(0);
