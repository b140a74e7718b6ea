import { bootstrapServers, quorumVoters } from '../checks.js';
import { boolean, int, list } from '../setting.js';

/** The controller quorum. */
export const quorumSettings = {
  'controller.quorum.voters': list({ default: [], check: quorumVoters, importance: 'high', honoured: true,
    doc: 'The voters of a static quorum, as `id@host:port` separated by commas. Leave it empty when directories are formatted with ' +
      '`--standalone` or initial controllers: the voters are then in the log.' }),
  'controller.quorum.bootstrap.servers': list({ default: [], check: bootstrapServers, importance: 'high', honoured: true,
    doc: 'Where to find the controller quorum, as `host:port` separated by commas. Ottla runs a quorum of one so far, and takes from it ' +
      'only whether there are other nodes.' }),
  'controller.quorum.election.timeout.ms': int({ default: 1000, min: 0, importance: 'high',
    doc: 'How long a voter waits for votes before it asks again.' }),
  'controller.quorum.fetch.timeout.ms': int({ default: 2000, min: 0, importance: 'high',
    doc: 'How long a node goes without an answer from the quorum\'s leader before it looks for a new one.' }),
  'controller.quorum.election.backoff.max.ms': int({ default: 1000, min: 0, importance: 'high',
    doc: 'Longest pause between two elections, so that votes do not split for ever.' }),
  'controller.quorum.append.linger.ms': int({ default: 25, min: 0, importance: 'medium',
    doc: 'How long the controller gathers records before it writes them. A quorum of one has no reason to wait, and does not.' }),
  'controller.quorum.request.timeout.ms': int({ default: 2000, min: 0, importance: 'medium',
    doc: 'How long a request to another member of the quorum may take.' }),
  'controller.quorum.retry.backoff.ms': int({ default: 20, min: 0, importance: 'low', doc: 'Pause before such a request is tried again.' }),
  'controller.quorum.auto.join.enable': boolean({ default: false, importance: 'low', doc: 'Whether a new controller joins the voters by itself.' }),
  'controller.quorum.fetch.snapshot.max.bytes': int({ default: 1_048_576, min: 1, importance: 'low', doc: 'Bytes of a snapshot fetched at once.' }),
  'controller.quorum.fetch.max.bytes': int({ default: 1_048_576, min: 1, importance: 'low', doc: 'Bytes of the metadata log fetched at once.' }),
};
