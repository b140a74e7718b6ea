/** What runs of underscores mean in `KAFKA_…` variables, as in Apache's container image. */
const RUNS: Readonly<Record<string, string>> = { _: '.', __: '_', ___: '-' };

/** Variables of the image, of the start scripts and of Kubernetes' service links: no settings. */
const NOT_SETTINGS = [
  /_OPTS$/, /^KAFKA_LOG4J_/, /^KAFKA_TOOLS_LOG4J_/, /^KAFKA_JMX_/, /^KAFKA_(VERSION|HOME|CLUSTER_ID|DEBUG|MODE)$/,
  /_SERVICE_(HOST|PORT)/, /^KAFKA_PORT$/, /_PORT_\d+_(TCP|UDP)/,
];

/** Settings from environment variables: `KAFKA_LOG_SEGMENT_BYTES` is `log.segment.bytes`. In the order of the variables. */
export function settingsFromEnvironment(variables: Readonly<Record<string, string | undefined>>): { name: string; text: string; variable: string }[] {
  return Object.entries(variables).flatMap(([variable, text]) => {
    if (text === undefined || !variable.startsWith('KAFKA_') || NOT_SETTINGS.some(pattern => pattern.test(variable))) return [];
    return [{ name: settingNamed(variable), text, variable }];
  });
}

/** Kafka replaces one run after the other; what is left of a longer run follows its three rules from the left. */
function settingNamed(variable: string): string {
  return variable.slice('KAFKA_'.length).toLowerCase().replace(/_{1,3}/g, run => RUNS[run]!);
}
