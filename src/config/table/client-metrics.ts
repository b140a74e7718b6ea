import { items } from '../checks.js';
import { int, list } from '../setting.js';

/** A subscription to the metrics of clients (KIP-714). */
export const clientMetricsSettings = {
  'metrics': list({ default: [], check: items({ empty: true }), importance: 'medium', honoured: true,
    doc: 'Prefixes of the names of the metrics that clients push; `*` for all.' }),
  'interval.ms': int({ default: 300_000, importance: 'medium', honoured: true, doc: 'How often clients push them, between 100 and 3600000.' }),
  'match': list({ default: [], check: items({ empty: true }), importance: 'medium', honoured: true,
    doc: 'Which clients: patterns `name=regex` over client_id, client_instance_id, client_software_name, client_software_version, ' +
      'client_source_address, client_source_port.' }),
};
