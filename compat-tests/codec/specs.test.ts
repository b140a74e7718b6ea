import { beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { parseErrors } from '../../src/codegen/parse-errors.js';
import type { ApiSpec, Message, RecordMessage } from '../../src/codegen/spec.js';
import { includes } from '../../src/codegen/spec.js';
import { compile, JAVA_FLAGS, jars } from '../support/java.js';
import { describeWithJava } from '../support/java-tests.js';
import { definedLayout, parseVersions, readDefinitions, specifiedLayout } from './definitions.js';
import type { Definition } from './definitions.js';
import { readSpecs } from './messages.js';

const CLASSES = 'build/compat/errors';
const specs = readSpecs();
const apis = specs.filter((spec): spec is ApiSpec => spec.kind === 'api');
const messages: Message[] = specs.flatMap((spec): readonly Message[] => (spec.kind === 'api' ? [spec.request, spec.response] : spec.messages));
const records = specs.flatMap(spec => (spec.kind === 'record' ? spec.messages.map(message => ({ family: spec.family, message })) : []));


await describeWithJava('the specifications and the definitions in the jars of Kafka 4.3.1', () => {
  let current: Map<string, Definition>;
  let old: Map<string, Definition>;

  beforeAll(async () => {
    const [currentJars, oldJars] = await Promise.all([jars('compat-tests/java'), jars('compat-tests/java/old')]);
    [current, old] = await Promise.all([readDefinitions(currentJars.slice(0, -2)), readDefinitions(oldJars.slice(0, -2))]);
  }, 300_000);

  /** The definition that has the version: today's, or the last one before it was dropped. */
  const definitionOf = (message: Message, version: number): Definition | undefined =>
    [current, old].map(definitions => definitions.get(message.name)).find(definition => {
      const valid = parseVersions(definition?.validVersions);
      return valid !== undefined && includes(valid, version);
    });

  test('name the same messages', () => {
    const theirs = [...current.values()].filter(definition => definition.validVersions !== 'none').map(definition => definition.name);
    expect(messages.map(message => message.name).sort()).toEqual(theirs.sort());
  });

  test('end with the same version and become flexible with the same one', () => {
    const ours = messages.map(({ name, versions, flexibleFrom }) => `${name} ${versions.max} ${flexibleFrom}`);
    const theirs = messages.map(({ name, versions }) => {
      const definition = current.get(name);
      const flexible = parseVersions(definition?.flexibleVersions)?.min ?? Infinity;
      // Apache counts from versions that are no more: what begins at 1 and is flexible from 0 is flexible from 1.
      return `${name} ${parseVersions(definition?.validVersions)?.max} ${flexible > versions.max ? Infinity : Math.max(flexible, versions.min)}`;
    });
    expect(ours).toEqual(theirs);
  });

  test('have the same fields in every version: order, types, nulls, tags and defaults', () => {
    const differing: string[] = [];
    for (const message of messages) {
      for (let version = message.versions.min; version <= message.versions.max; version++) {
        const definition = definitionOf(message, version);
        const theirs = definition === undefined ? ['no such version'] : definedLayout(definition, version);
        const ours = specifiedLayout(message, version);
        const at = ours.findIndex((line, index) => line !== theirs[index]);
        if (at >= 0 || ours.length !== theirs.length) differing.push(`${message.name} v${version}: '${ours[at]}', Apache '${theirs[at < 0 ? ours.length : at]}'`);
      }
    }
    expect(differing).toEqual([]);
  });

  test('give the APIs the same keys, listeners and unstable versions', () => {
    const ours = apis.map(({ name, key, listeners, unstableFrom }) => ({ name, key, listeners, unstableFrom }));
    const theirs = apis.map(({ name, request }) => {
      const definition = current.get(request.name);
      return { name, key: definition?.apiKey, listeners: definition?.listeners, unstableFrom: definition?.latestVersionUnstable === true ? request.versions.max : Infinity };
    });
    expect(ours).toEqual(theirs);
  });

  test('give the records the same types', () => {
    const typed = records.filter(({ family }) => family !== 'control');
    expect(typed.map(({ message: { name, type } }: { message: RecordMessage }) => `${name} ${type}`))
      .toEqual(typed.map(({ message: { name } }) => `${name} ${current.get(name)?.apiKey ?? -1}`));
  });

  test('give the errors the same codes and names, and call the same ones retriable', async () => {
    const classPath = await jars('compat-tests/java');
    await compile('compat-tests/java/src/main/java/ottla/codec/ErrorTable.java', classPath, CLASSES);
    const { stdout } = await promisify(execFile)('java', [...JAVA_FLAGS, '-cp', `${CLASSES}:${classPath}`, 'ottla.codec.ErrorTable']);
    const ours = parseErrors(readFileSync('protocol-specs/errors.spec', 'utf8'), 'errors.spec').map(({ code, name, retriable }) => `${code} ${name} ${retriable}`);
    expect(ours).toEqual(stdout.trim().split('\n'));
  }, 60_000);
});
