/** examples/kubernetes/load.yml: it parses, its parts find each other, and its commands are commands. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { sanswitch } from '../doctor/command-line.js';

interface Container {
  readonly command: readonly string[];
  readonly image: string;
  readonly ports?: readonly { readonly containerPort: number }[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: Readonly<Record<string, unknown>>;
    readonly ports?: readonly { readonly port: number }[];
    readonly template?: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly Container[] };
    };
  };
}

const read = (path: string) => readFileSync(new URL(`../../examples/kubernetes/${path}`, import.meta.url), 'utf8');
const documents = parseAllDocuments(read('load.yml'));
const manifests = documents.map((document) => document.toJS() as Manifest);

function find(kind: string, name: string): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

const containerOf = ({ spec }: Manifest) => spec.template?.spec.containers[0] as Container;
const coordinator = containerOf(find('Job', 'sanswitch-load-coordinator')).command;

describe('examples/kubernetes/load.yml', () => {
  it('is YAML, without errors and warnings, and runs the image of the Dockerfile', () => {
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
    const tag = /-t (\S+) examples/.exec(read('Dockerfile'))?.[1];
    const images = manifests.filter(({ spec }) => spec.template).map((manifest) => containerOf(manifest).image);
    expect(new Set(images)).toEqual(new Set([tag]));
  });

  it.each([
    ['sanswitch-echo', 'Deployment'],
    ['sanswitch-agents', 'StatefulSet'],
  ])('leads by the service %s to its pods and ports', (name, kind) => {
    const service = find('Service', name);
    const pods = find(kind, name);
    expect(service.spec.selector).toEqual(pods.spec.template?.metadata.labels);
    const ports = containerOf(pods).ports?.map(({ containerPort }) => containerPort);
    expect(service.spec.ports?.map(({ port }) => port)).toEqual(ports);
  });

  it('names every agent, the target and the control port as they are', () => {
    const agents = find('StatefulSet', 'sanswitch-agents');
    const port = containerOf(agents).ports?.[0]?.containerPort;
    const names = Array.from(
      { length: agents.spec.replicas ?? 0 },
      (_, i) => `sanswitch-agents-${i}.sanswitch-agents:${port}`,
    );
    expect(coordinator[coordinator.indexOf('--agents') + 1]).toBe(names.join(','));
    const [echoPort, controlPort] = containerOf(find('Deployment', 'sanswitch-echo')).ports ?? [];
    expect(coordinator).toContain(`tcp://sanswitch-echo:${echoPort?.containerPort}`);
    expect(coordinator[coordinator.indexOf('--server') + 1]).toBe(`sanswitch-echo:${controlPort?.containerPort}`);
  });

  it('has a command line that load takes: only the agents are not there', { timeout: 30_000 }, async () => {
    const [npx, program, ...args] = coordinator;
    expect([npx, program]).toEqual(['npx', 'sanswitch']);
    const here = args.map((arg) => arg.replaceAll(/sanswitch-agents-\d\.sanswitch-agents:\d+/g, '127.0.0.1:1'));
    const { code, stderr } = await sanswitch(here);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'sanswitch: load: agent 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1\n',
    });
  });
});
