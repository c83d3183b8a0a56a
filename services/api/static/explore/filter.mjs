// A filter as terms that AND joins, and as one line of CQL2: each control owns the term that it can show, and what no
// control can show stays as it was written.

import { page } from './page.mjs';

const TOKEN = /'(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*"|[-+]?(?:\d[\d.]*|\.\d+)(?:[eE][-+]?\d+)?|[\p{L}\p{N}_:.]+|<>|<=|>=|\s+|./gu;
const LITERAL = /^['"\d.+-]/;
const tokensOf = (line) => line.match(TOKEN) ?? [];
const isWord = (token, ...words) => words.includes(token?.toUpperCase());

// The texts between the ANDs; the whole as one where an OR is among them.
function split(line) {
  const parts = [''];
  let [depth, between] = [0, false];
  for (const token of tokensOf(line)) {
    if (token === '(') depth += 1;
    if (token === ')') depth -= 1;
    if (depth === 0 && isWord(token, 'OR')) return [line.trim()];
    if (depth === 0 && isWord(token, 'BETWEEN')) between = true;
    if (depth === 0 && isWord(token, 'AND') && !between) {
      parts.push('');
      continue;
    }
    if (depth === 0 && isWord(token, 'AND')) between = false;
    parts[parts.length - 1] += token;
  }
  return parts.map((part) => part.trim()).filter(Boolean);
}

const unquoted = (token) => token.slice(1, -1).replaceAll(token[0] + token[0], token[0]);

function nameOf(token) {
  if (token?.startsWith('"')) return unquoted(token);
  return token && !LITERAL.test(token) && page.properties.some(({ name }) => name === token) ? token : null;
}

// Reads values from the front of a list of tokens, and takes them off it. Undefined: none is there.
function takeValue(tokens) {
  const token = tokens.shift();
  if (token?.startsWith("'")) return unquoted(token).replace(/\\(.)/g, '$1');
  if (isWord(token, 'TRUE', 'FALSE')) return isWord(token, 'TRUE');
  if (isWord(token, 'DATE', 'TIMESTAMP') && tokens[0] === '(' && tokens[1]?.startsWith("'") && tokens[2] === ')') {
    return unquoted(tokens.splice(0, 3)[1]);
  }
  return token && /^[-+.\d]/.test(token) && !Number.isNaN(Number(token)) ? Number(token) : undefined;
}

function takeList(tokens) {
  const values = [];
  do {
    tokens.shift(); // the parenthesis, or a comma
    values.push(takeValue(tokens));
  } while (tokens[0] === ',');
  return tokens.shift() === ')' && !values.includes(undefined) ? values : null;
}

function valuesOf(tokens, name) {
  const word = tokens.shift();
  if (word === '=') return [takeValue(tokens)];
  if (isWord(word, 'IN') && tokens[0] === '(') return takeList(tokens);
  if (isWord(word, 'IS') && isWord(tokens.shift(), 'NULL')) return [null];
  return null;
}

function rangeOf([sign, ...rest]) {
  if (isWord(sign, 'BETWEEN')) {
    const from = takeValue(rest);
    const and = rest.shift();
    const to = takeValue(rest);
    return isWord(and, 'AND') && rest.length === 0 ? { from, to } : null;
  }
  const end = { '>=': 'from', '<=': 'to' }[sign];
  const value = end && takeValue(rest);
  return end && rest.length === 0 && value !== undefined ? { [end]: value } : null;
}

// What a control can show of a condition: {kind, name, …}; `other` where none can.
function meaningOf(line) {
  let tokens = tokensOf(line).filter((token) => token.trim());
  const contains = tokens.length === 9 && isWord(tokens[0], 'CASEI') && isWord(tokens[4], 'LIKE') && isWord(tokens[5], 'CASEI');
  if (contains && tokens[7].startsWith("'%") && tokens[7].endsWith("%'")) {
    return { kind: 'contains', name: nameOf(tokens[2]), wanted: unquoted(tokens[7]).slice(1, -1).replace(/\\(.)/g, '$1') };
  }
  if (isWord(tokens[0], 'S_INTERSECTS')) return { kind: 'area', name: nameOf(tokens[2]) ?? tokens[2] };
  const isOr = tokens[0] === '(' && tokens.at(-1) === ')';
  if (isOr) tokens = tokens.slice(1, -1);
  const name = nameOf(tokens[0]);
  if (name === null) return { kind: 'other' };
  const rest = tokens.slice(1);
  const values = valuesOf(rest, name);
  const orNull = values && isOr && rest.length === 4 && isWord(rest[0], 'OR') && nameOf(rest[1]) === name && isWord(rest[3], 'NULL');
  if (values && !values.includes(undefined) && (rest.length === 0 || orNull)) {
    return { kind: 'values', name, values: orNull ? [...values, null] : values };
  }
  const range = isOr ? null : rangeOf(tokens.slice(1));
  return range ? { kind: 'range', name, ...range } : { kind: 'other' };
}

// The terms of a line. Both ends of a range may have been written one by one.
export function termsOf(line) {
  const terms = [];
  for (const written of split(line)) {
    const term = { ...meaningOf(written), line: written };
    const half = term.kind === 'range' && terms.find((one) => one.kind === 'range' && one.name === term.name
      && !['from', 'to'].some((end) => end in one && end in term));
    if (half) Object.assign(half, { ...half, ...term, line: `${half.line} AND ${term.line}` });
    else terms.push(term);
  }
  return terms;
}

const lineOf = (terms) =>
  terms.map(({ line, kind }) => (terms.length > 1 && kind === 'other' ? inParentheses(line) : line)).join(' AND ');

// What an OR joins needs them among others.
function inParentheses(line) {
  let depth = 0;
  for (const token of tokensOf(line)) {
    depth += (token === '(') - (token === ')');
    if (depth === 0 && isWord(token, 'OR')) return `(${line})`;
  }
  return line;
}

const PLAIN = /^[\p{L}_][\p{L}\p{N}_]*$/u;

const quotedName = (name) =>
  (PLAIN.test(name) && !page.reserved.includes(name.toUpperCase()) ? name : `"${name.replaceAll('"', '""')}"`);

const quotedText = (value) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

function literal(value, type) {
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE';
  if (typeof value === 'number') return String(value);
  if (type === 'date') return `DATE('${value}')`;
  if (type === 'datetime') return `TIMESTAMP('${new Date(value).toISOString()}')`;
  return quotedText(value);
}

const typeOf = (name) => page.properties.find((one) => one.name === name)?.type;

// A term, which writes itself; null for one that asks for nothing.
export function valuesTerm(name, values) {
  const [own, type] = [quotedName(name), typeOf(name)];
  const written = values.filter((value) => value !== null).map((value) => literal(value, type));
  const parts = [];
  if (written.length) parts.push(written.length === 1 ? `${own} = ${written[0]}` : `${own} IN (${written.join(', ')})`);
  if (values.includes(null)) parts.push(`${own} IS NULL`);
  if (!parts.length) return null;
  return { kind: 'values', name, values, line: parts.length === 1 ? parts[0] : `(${parts.join(' OR ')})` };
}

export function rangeTerm(name, from, to) {
  const [own, type] = [quotedName(name), typeOf(name)];
  if (from === null && to === null) return null;
  if (from === null) return { kind: 'range', name, to, line: `${own} <= ${literal(to, type)}` };
  if (to === null) return { kind: 'range', name, from, line: `${own} >= ${literal(from, type)}` };
  return { kind: 'range', name, from, to, line: `${own} BETWEEN ${literal(from, type)} AND ${literal(to, type)}` };
}

export function containsTerm(name, wanted) {
  if (!wanted) return null;
  const pattern = `%${wanted.replace(/[\\%_]/g, '\\$&')}%`;
  return { kind: 'contains', name, wanted, line: `CASEI(${quotedName(name)}) LIKE CASEI('${pattern.replaceAll("'", "''")}')` };
}

export const areaTerm = (area) => ({ kind: 'area', name: page.geometry, line: `S_INTERSECTS(${quotedName(page.geometry)}, ${area})` });

// The line with a term in the place of that of the same kind and property, or without it.
export function lineWith(line, kind, name, term) {
  const terms = termsOf(line);
  const place = terms.findIndex((one) => one.kind === kind && one.name === name);
  if (place < 0) return lineOf(term ? [...terms, term] : terms);
  return lineOf(term ? terms.with(place, term) : terms.toSpliced(place, 1));
}

export const termOf = (line, kind, name) => termsOf(line).find((one) => one.kind === kind && one.name === name);

export const lineWithout = (line, place) => lineOf(termsOf(line).toSpliced(place, 1));
