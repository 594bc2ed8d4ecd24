/** The manifests of examples/kubernetes: they parse, agree with each other, and name what exists. */
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { NO_RDMA, sanswitch } from '../doctor/command-line.js';

const at = (path: string) => new URL(`../../examples/${path}`, import.meta.url);
const read = (path: string) => readFileSync(at(path), 'utf8');

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly ports?: readonly { readonly containerPort: number }[];
  readonly securityContext: { readonly capabilities: { readonly add: readonly string[] } };
  readonly resources: Readonly<Record<'requests' | 'limits', Readonly<Record<string, unknown>>>>;
}

interface Pod {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly hostNetwork: boolean;
    readonly initContainers?: readonly Container[];
    readonly containers: readonly Container[];
    readonly affinity?: unknown;
  };
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly selector?: Readonly<Record<string, unknown>>;
    readonly ports?: readonly { readonly port: number }[];
    readonly template?: Pod;
  };
}

const documents = parseAllDocuments(read('kubernetes/rdma.yml'));
const manifests = documents.map((document) => document.toJS() as Manifest);
const dockerfile = read('kubernetes/Dockerfile');

function podOf(kind: string): Pod {
  const pod = manifests.find((manifest) => manifest.kind === kind)?.spec.template;
  if (pod === undefined) throw new Error(`there is no ${kind} with a pod`);
  return pod;
}

const pods = [podOf('Deployment'), podOf('Job')];
const containers = pods.flatMap(({ spec }) => [...(spec.initContainers ?? []), ...spec.containers]);

describe('examples/kubernetes/rdma.yml', () => {
  it('is YAML, without errors and warnings', () => {
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
    expect(manifests.map(({ kind }) => kind)).toEqual(['Service', 'Deployment', 'Job']);
  });

  it('leads from the job to the server', () => {
    const [service, server] = manifests as [Manifest, Manifest];
    const [load] = podOf('Job').spec.containers as [Container];
    const { labels } = podOf('Deployment').metadata;
    expect(service.spec.selector).toEqual(labels);
    expect(server.spec.selector).toEqual({ matchLabels: labels });
    expect(JSON.stringify(podOf('Job').spec.affinity)).toContain(JSON.stringify({ matchLabels: labels }));
    expect(load.env).toContainEqual({ name: 'SERVER', value: service.metadata.name });
    const port = service.spec.ports?.[0]?.port;
    const [container] = podOf('Deployment').spec.containers as [Container];
    expect(container.ports?.[0]?.containerPort).toBe(port);
    expect([container.command.at(-1), load.command[3]]).toEqual([String(port), String(port)]);
  });

  it('gives every container a device, and leave to lock memory', () => {
    for (const { securityContext, resources } of containers) {
      expect(securityContext.capabilities.add).toEqual(['IPC_LOCK']);
      for (const part of [resources.requests, resources.limits]) {
        expect(Object.entries(part).filter(([name]) => name.startsWith('rdma/'))).toEqual([[expect.anything(), 1]]);
      }
    }
    expect(pods.every(({ spec }) => spec.hostNetwork)).toBe(true);
  });

  it('runs the image of the Dockerfile, which holds what it runs', () => {
    const tag = /-t (\S+) examples/.exec(dockerfile)?.[1];
    expect(new Set(containers.map(({ image }) => image))).toEqual(new Set([tag]));
    const copied = /^COPY (.*) \.\/$/m.exec(dockerfile)?.[1]?.split(' ') ?? [];
    for (const file of copied) expect(existsSync(at(file)), file).toBe(true);
    const run = containers.filter(({ command }) => command[0] === 'node').map(({ command }) => command[1]);
    expect(run).toEqual(['rdma-server.mjs', 'rdma-load.mjs']);
    for (const file of run) {
      const imports = [...read(file as string).matchAll(/from '\.\/(.*)'/g)].map(([, path]) => path);
      for (const path of [file, ...imports]) expect(copied).toContain(path);
    }
  });

  it('asks the doctor as the doctor can be asked, who says what is missing here', async () => {
    const [doctor] = podOf('Deployment').spec.initContainers as [Container];
    const [npx, program, ...args] = doctor.command;
    expect([npx, program]).toEqual(['npx', 'sanswitch']);
    const { values } = parseArgs({ args: args.slice(1), options: { config: { type: 'string' } } });
    const config = new URL(values.config as string, at('x')).pathname;
    const environment = Object.fromEntries((doctor.env ?? []).map(({ name, value }) => [name, value]));
    const { code, stdout } = await sanswitch([args[0] as string, '--config', config], { ...NO_RDMA, ...environment });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ {2}verbs +NOT USED, though demanded: /m);
    expect(stdout).toMatch(/^ {2}listening +everywhere/m);
  });
});
