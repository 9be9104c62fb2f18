// The house rules as a test. A rule that nobody checks is a wish.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { importFindings } from './tidy/import-rules.ts';
import {
  deadFileFindings,
  fileLengthFindings,
  functionLengthFindings,
  nameFindings,
  titleFindings,
} from './tidy/shape-rules.ts';
import { type Finding, readTree, type Tree } from './tidy/tree.ts';
import {
  consoleFindings,
  environmentFindings,
  httpStatusFindings,
  idleTestFindings,
  leftoverFindings,
  typeEscapeFindings,
} from './tidy/word-rules.ts';

const RULES: Readonly<Record<string, (tree: Tree) => Finding[]>> = {
  'rooms import what their storey allows': importFindings,
  'files are short': fileLengthFindings,
  'functions are short': functionLengthFindings,
  'names say what is there': nameFindings,
  'no file is dead': deadFileFindings,
  'markdown files have a title': titleFindings,
  'the type check is not evaded': typeEscapeFindings,
  'nothing is left to do': leftoverFindings,
  'only what talks to a person writes to the console': consoleFindings,
  'only the outermost layer reads the environment': environmentFindings,
  'only the edge knows HTTP status numbers': httpStatusFindings,
  'every test runs': idleTestFindings,
};

/** `amountMax`: for lengths, what it is today. It may sink, and then this number sinks with it. */
interface Exception {
  readonly rule: string;
  readonly file: string;
  readonly why: string;
  readonly amountMax?: number;
}

/** This list only shrinks: an entry that is not needed any more fails the test below. */
const EXCEPTIONS: readonly Exception[] = [];

const tree = readTree(join(import.meta.dirname, '..'));

for (const [rule, check] of Object.entries(RULES)) {
  test(rule, () => {
    const exceptions = EXCEPTIONS.filter((exception) => exception.rule === rule);
    const faults = check(tree).filter(
      (finding) => !exceptions.some((exception) => covers(exception, finding)),
    );
    assert.deepEqual(faults.map(inWords), []);
  });
}

test('every exception is still needed, and no larger than needed', () => {
  const stale = EXCEPTIONS.filter(({ rule, file, amountMax }) => {
    const findings = (RULES[rule]?.(tree) ?? []).filter((finding) => finding.file === file);
    return !findings.some((finding) => finding.amount === amountMax);
  });
  assert.deepEqual(
    stale.map((exception) => `${exception.rule}: ${exception.file}`),
    [],
  );
});

test('the rules have something to look at', () => {
  assert.ok(tree.sources.length > 10);
  assert.ok(tree.sources.some((source) => source.functions.length > 3 && source.imports.length > 0));
});

function covers(exception: Exception, finding: Finding): boolean {
  const amountMax = exception.amountMax ?? Number.POSITIVE_INFINITY;
  return exception.file === finding.file && (finding.amount ?? 0) <= amountMax;
}

function inWords(finding: Finding): string {
  return `${finding.file}:${finding.line} ${finding.words}`;
}
