import { INT_MAX } from './setting.js';
import type { Settings } from './settings.js';
import { ConfigError } from './value.js';

export const SECURITY_PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const;
/** In the order of Kafka's ids, from 0. */
export type SecurityProtocol = (typeof SECURITY_PROTOCOLS)[number];

export interface Endpoint {
  /** In capitals. */
  readonly name: string;
  readonly protocol: SecurityProtocol;
  /** Empty: all interfaces. IPv6 without brackets. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export interface Listener extends Endpoint {
  readonly role: 'broker' | 'controller';
  /** Where peers are told to connect; undefined when they are not told. Port 0 stands for the one that was bound. */
  readonly advertised: { readonly host: string; readonly port: number } | undefined;
}

export interface ListenerPlan {
  readonly listeners: readonly Listener[];
  /** Name of the listener that brokers use among themselves. */
  readonly interBroker: string;
}

/**
 * The listeners of a node (`AbstractKafkaConfig`, `KafkaConfig.effectiveAdvertised…Listeners`). `hostName` is what is
 * advertised for a listener on all interfaces. Throws ConfigError.
 */
export function planListeners(settings: Settings, hostName: string): ListenerPlan {
  const protocols = protocolMap(settings);
  const controllers = settings.get('controller.listener.names');
  const endpoints = parseEndpoints(settings, 'listeners', settings.get('listeners'), protocols);
  const advertisedTexts = settings.get('advertised.listeners');
  const advertised = advertisedTexts === undefined ? undefined : parseEndpoints(settings, 'advertised.listeners', advertisedTexts, protocols);
  refuseSharedPorts(settings, endpoints);
  refuseStrangers(settings, endpoints, advertised ?? []);
  const listeners = endpoints.map((endpoint): Listener => {
    const role = controllers.includes(endpoint.name) ? 'controller' : 'broker';
    // A controller listener that is left out of advertised.listeners is advertised as it is bound (KIP-853).
    const told = advertised?.find(({ name }) => name === endpoint.name) ?? (advertised === undefined || role === 'controller' ? endpoint : undefined);
    return { ...endpoint, role, advertised: told && { host: routable(settings, told, endpoint, role, hostName), port: told.port } };
  });
  return { listeners, interBroker: interBrokerListener(settings, protocols, listeners) };
}

/**
 * Where peers of the controller would reach it: its advertised listeners. A lone node that opened none still has to name a
 * place for its voter record; it takes the port that Kafka's own files give a controller, on the host that clients use.
 */
export function controllerEndpoints(settings: Settings, { listeners }: ListenerPlan): { name: string; host: string; port: number }[] {
  const own = listeners.flatMap(({ role, name, advertised }) => (role === 'controller' && advertised !== undefined ? [{ name, ...advertised }] : []));
  if (own.length > 0) return own;
  const host = listeners.find(({ advertised }) => advertised !== undefined)?.advertised?.host ?? 'localhost';
  return [{ name: settings.get('controller.listener.names')[0]!, host, port: UNOPENED_CONTROLLER_PORT }];
}

const UNOPENED_CONTROLLER_PORT = 9093;

/** Takes `host:count` apart, separated by commas; a host that comes again has its last count. Throws ConfigError for what is none. */
export function parseCountsByHost(text: string): Map<string, number> {
  const parts = text === '' ? [] : text.split(/\s*,\s*/);
  return new Map(parts.map(part => {
    const match = /^\s*([\w.:%[\]-]+?)\s*:\s*(-?\d+)\s*$/.exec(part);
    const count = Number(match?.[2]);
    if (match === null || Math.abs(count) > INT_MAX) throw new ConfigError(`'${part}' is not host:count`);
    return [match[1]!, count];
  }));
}

/** Takes `NAME://host:port` apart. */
export function parseEndpoint(text: string): Omit<Endpoint, 'protocol'> | undefined {
  const match = /^(.*):\/\/\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$/.exec(text);
  if (match === null) return undefined;
  const [, name = '', host = '', port = ''] = match;
  return { name: name.toUpperCase(), host, port: Number(port) };
}

export function printEndpoint({ name, host, port }: Omit<Endpoint, 'protocol'>): string {
  return `${name}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function parseEndpoints(
  settings: Settings, setting: 'listeners' | 'advertised.listeners', texts: readonly string[], protocols: ReadonlyMap<string, SecurityProtocol>,
): Endpoint[] {
  const endpoints = texts.map(text => {
    const endpoint = parseEndpoint(text);
    if (endpoint === undefined) throw fault(settings, setting, `unable to parse ${text}: it has to be NAME://host:port`);
    if (endpoint.port < 0 || endpoint.port > 65535) throw fault(settings, setting, `${text} has no port between 0 and 65535`);
    const protocol = protocols.get(endpoint.name);
    if (protocol === undefined) {
      throw fault(settings, setting, `no security protocol is defined for listener ${endpoint.name}: name it in listener.security.protocol.map`);
    }
    return { ...endpoint, protocol };
  });
  if (new Set(endpoints.map(({ name }) => name)).size < endpoints.length) throw fault(settings, setting, 'each listener must have a different name');
  return endpoints;
}

function protocolMap(settings: Settings): ReadonlyMap<string, SecurityProtocol> {
  const map = new Map<string, SecurityProtocol>();
  for (const entry of settings.get('listener.security.protocol.map').split(/\s*,\s*/).filter(Boolean)) {
    const colon = entry.lastIndexOf(':');
    const protocol = entry.slice(colon + 1).trim().toUpperCase() as SecurityProtocol;
    if (colon < 0 || !SECURITY_PROTOCOLS.includes(protocol)) {
      throw fault(settings, 'listener.security.protocol.map', `'${entry}' has to be NAME:PROTOCOL with one of ${SECURITY_PROTOCOLS.join(', ')}`);
    }
    map.set(entry.slice(0, colon).trim().toUpperCase(), protocol);
  }
  if (settings.isGiven('listener.security.protocol.map')) return map;
  // With the default map, controller listeners need no entry as long as nothing asks for TLS or SASL.
  const names = settings.get('listeners').map(text => text.slice(0, text.indexOf(':')).toUpperCase());
  const controllers = settings.get('controller.listener.names');
  const secured = [...names, ...controllers].some(name => name !== 'PLAINTEXT' && (SECURITY_PROTOCOLS as readonly string[]).includes(name));
  if (!secured) for (const name of controllers) map.set(name, 'PLAINTEXT');
  return map;
}

/** Two listeners may share a port only when one has an IPv4 address and the other an IPv6 address. */
function refuseSharedPorts(settings: Settings, endpoints: readonly Endpoint[]): void {
  for (const [index, one] of endpoints.entries()) {
    for (const other of endpoints.slice(index + 1)) {
      if (one.port === 0 || one.port !== other.port) continue;
      const families = [one.host, other.host].map(host =>
         (host.includes(':') ? 6 : /^\d+(\.\d+){3}$/.test(host) ? 4 : 0));
      if (families.join() !== '4,6' && families.join() !== '6,4') throw fault(settings, 'listeners', `${one.name} and ${other.name} have the same port ${one.port}`);
    }
  }
}

function refuseStrangers(settings: Settings, endpoints: readonly Endpoint[], advertised: readonly Endpoint[]): void {
  const stranger = advertised.find(({ name }) => !endpoints.some(endpoint => endpoint.name === name));
  if (stranger !== undefined) {
    throw fault(settings, 'advertised.listeners',
      `${stranger.name} is not among the listeners, which are ${endpoints.map(({ name }) => name).join(', ')}`);
  }
}

function routable(settings: Settings, told: Endpoint, bound: Endpoint, role: Listener['role'], hostName: string): string {
  if (told.host === '0.0.0.0' && !(told === bound && role === 'controller')) {
    throw fault(settings, told === bound ? 'listeners' : 'advertised.listeners',
      'nobody can connect to 0.0.0.0: give a host name or address in advertised.listeners (--advertise)');
  }
  return told.host === '' || told.host === '0.0.0.0' || told.host === '::' ? hostName : told.host;
}

function interBrokerListener(settings: Settings, protocols: ReadonlyMap<string, SecurityProtocol>, listeners: readonly Listener[]): string {
  const given = settings.get('inter.broker.listener.name');
  if (given !== undefined && settings.isGiven('security.inter.broker.protocol')) {
    throw fault(settings, 'inter.broker.listener.name', 'only one of it and security.inter.broker.protocol may be set');
  }
  const name = given?.toUpperCase() ?? settings.get('security.inter.broker.protocol');
  if (!settings.get('process.roles').includes('broker')) return name;
  if (!protocols.has(name)) throw fault(settings, 'inter.broker.listener.name', `${name} is not in listener.security.protocol.map`);
  const candidates = listeners.filter(({ role, advertised }) => role === 'broker' && advertised !== undefined).map(listener => listener.name);
  if (candidates.length === 0) throw fault(settings, 'listeners', 'there must be at least one advertised listener that is not a controller listener');
  if (!candidates.includes(name)) {
    throw fault(settings, 'inter.broker.listener.name', `${name} must be an advertised listener: one of ${candidates.join(', ')}`);
  }
  return name;
}

function fault(settings: Settings, setting: string, why: string): ConfigError {
  const place = settings.placeOf(setting);
  return new ConfigError(`${setting}: ${why}${place === undefined ? '' : ` (${place})`}`);
}
