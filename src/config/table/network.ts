import { items } from '../checks.js';
import { int, INT_MAX, list, long, string } from '../setting.js';

/** Listeners and connections. */
export const networkSettings = {
  'listeners': list({ default: ['PLAINTEXT://:9092'], check: items({}), importance: 'high', update: 'per-broker', honoured: true,
    doc: 'The addresses on which this node accepts connections, as `NAME://host:port`, separated by commas. The name is a security ' +
      'protocol or a name of your own that `listener.security.protocol.map` explains. An empty host stands for all interfaces, port ' +
      '0 for any free port. Names and ports have to differ, except that IPv4 and IPv6 may share a port.' }),
  'advertised.listeners': list({ default: null, check: items({ null: true }), importance: 'high', honoured: true,
    doc: 'The addresses that clients are told to connect to, when they differ from `listeners`: behind a container\'s port mapping, a ' +
      'load balancer, or in a cloud. Same form as `listeners`; 0.0.0.0 cannot be advertised.' }),
  'listener.security.protocol.map': string({ default: 'SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT', importance: 'low', update: 'per-broker', honoured: true,
    doc: 'Which security protocol each listener name speaks, as `NAME:PROTOCOL` separated by commas. While it is left at its default ' +
      'and no TLS or SASL listener is configured, controller listeners count as PLAINTEXT.' }),
  'socket.send.buffer.bytes': int({ default: 102_400, importance: 'high',
    doc: 'Send buffer (SO_SNDBUF) of server sockets; -1 leaves it to the system.' }),
  'socket.receive.buffer.bytes': int({ default: 102_400, importance: 'high',
    doc: 'Receive buffer (SO_RCVBUF) of server sockets; -1 leaves it to the system.' }),
  'socket.request.max.bytes': int({ default: 104_857_600, min: 1, importance: 'high', honoured: true,
    doc: 'Largest request. A connection that announces a larger one is closed.' }),
  'socket.listen.backlog.size': int({ default: 50, min: 1, importance: 'medium',
    doc: 'Connections that the system may hold ready until they are accepted. Ottla asks for 4096; the system cuts that to its own.' }),
  'max.connections.per.ip': int({ default: INT_MAX, min: 0, importance: 'medium', update: 'cluster-wide', honoured: true,
    doc: 'Connections allowed from one address.' }),
  'max.connections.per.ip.overrides': string({ default: '', importance: 'medium', update: 'cluster-wide', honoured: true,
    doc: 'Addresses with a bound of their own, as `host:count` separated by commas.' }),
  'max.connections': int({ default: INT_MAX, min: 0, importance: 'medium', update: 'cluster-wide', honoured: true,
    doc: 'Connections allowed on this broker, or with the listener prefix on one listener.' }),
  'max.connection.creation.rate': int({ default: INT_MAX, min: 0, importance: 'medium', update: 'cluster-wide', honoured: true,
    doc: 'New connections accepted each second, or with the listener prefix on one listener.' }),
  'connections.max.idle.ms': long({ default: 600_000, importance: 'medium', honoured: true,
    doc: 'A connection on which nothing was asked for this long is closed; a negative value keeps connections for ever.' }),
  'connection.failed.authentication.delay.ms': int({ default: 100, min: 0, importance: 'low',
    doc: 'How long the answer to a failed authentication is held back.' }),
  'queued.max.requests': int({ default: 500, min: 1, importance: 'high',
    doc: 'Requests that may wait to be handled before the network is no longer read.' }),
  'queued.max.request.bytes': long({ default: -1, importance: 'medium', honoured: true, doc: 'Bytes of requests that may wait; -1 for no bound.' }),
  'num.network.threads': int({ default: 3, min: 1, importance: 'high', update: 'cluster-wide',
    doc: 'Threads that read and write sockets. Ottla\'s event loop does that.' }),
};
