#!/usr/bin/env node
// Finds what patterns.txt lists in the files under version control. Prints `FILE:LINE: TEXT → INSTEAD`; ends with 1 if there is any.
// With --count it prints how often each pattern is found.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const here = 'docs/words/';
const kinds = /\.(rs|md|proto|toml|sh|mjs|py|yaml|yml|sql|graphql|json|html|txt|css|js)$|(^|\/)(Makefile|Dockerfile|run|\.env\.example)$/;
// Migrations are compared by their checksums: even their comments stay.
const left = [/^docs\/words\//, /^LICENSE$/, /^Cargo\.lock$/, /^e2e\/tests\/data\//, /\/migrations\//];

function patterns() {
  const found = [];
  let names = false;
  for (const line of readFileSync(`${here}patterns.txt`, 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      names = line === '[names]';
    } else if (line.startsWith('  allow ')) {
      const [, path, text] = line.match(/^ {2}allow ([^:]+):? ?(.*)$/);
      found.at(-1).allowed.push({ path, text });
    } else {
      const [text, instead] = line.split(' => ');
      const source = names ? text : text.replaceAll(' ', '\\s+');
      const word = new RegExp(`(?<![\\w])(?:${source})(?![\\w])`, names ? 'g' : 'gi');
      found.push({ text, instead, names, word, allowed: [], count: 0 });
    }
  }
  return found;
}

// The beginnings of lines in comments are blanked, so that a phrase is found where a line breaks it.
const prose = (text) => text.replace(/^[ \t]*(\/\/[/!]?|#|--|\*)/gm, (start) => ' '.repeat(start.length));

const code = (text) => text.replace(/\/\/.*$/gm, (comment) => ' '.repeat(comment.length));

const list = patterns();
const files = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).split('\n');
let total = 0;
for (const file of files) {
  if (!kinds.test(file) || left.some((path) => path.test(file))) continue;
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    continue; // deleted, and not committed yet
  }
  const lines = text.split('\n');
  const [sentences, names] = [prose(text), code(text)];
  for (const pattern of list) {
    if (pattern.names && !file.endsWith('.rs')) continue;
    for (const match of (pattern.names ? names : sentences).matchAll(pattern.word)) {
      const number = text.slice(0, match.index).split('\n').length;
      const line = lines[number - 1];
      if (pattern.allowed.some(({ path, text }) => file.startsWith(path) && line.includes(text))) continue;
      pattern.count += 1;
      total += 1;
      if (!process.argv.includes('--count')) {
        console.log(`${file}:${number}: ${match[0].replace(/\s+/g, ' ')} → ${pattern.instead}`);
      }
    }
  }
}
if (process.argv.includes('--count')) {
  for (const { text, count } of list) if (count > 0) console.log(`${String(count).padStart(5)}  ${text}`);
}
console.log(total === 0 ? 'words: clean' : `words: ${total} to rewrite; see docs/words/patterns.txt`);
process.exit(total === 0 ? 0 : 1);
