/** Settings: the table, reading them in, the layers over one another, and what DescribeConfigs says of them. */
export { ConfigSource, describeBrokerConfig, describeClientMetricsConfig, describeClusterConfig, describeGroupConfig, describeLoggers, describeTopicConfig,
  type ConfigSynonym, type DescribedConfig, type DescribeOptions } from './describe.js';
export { controllerEndpoints, planListeners, SECURITY_PROTOCOLS, type Endpoint, type Listener, type ListenerPlan, type SecurityProtocol } from './listeners.js';
export { metricsSubscription, type MatchedAttribute, type MetricsSubscription } from './client-metrics.js';
export { takeLayers } from './dynamic-layers.js';
export { groupConfigOf, type GroupConfig } from './group-config.js';
export { loadSettings, type Loaded, type Sources } from './load.js';
export { localSettings } from './local-start.js';
export { cleanerSettingsOf, type CleanerSettings } from './cleaner-settings.js';
export { resolveLogSettings, type LogSettings } from './log-settings.js';
export { Password } from './password.js';
export { changeBrokerList, changeList, isSecret, settingOf, validateBrokerConfig, validateClientMetricsConfig, validateGroupConfig,
  validateTopicConfig, type ResourceKind } from './resources.js';
export { dynamicTexts, Settings, type DynamicLayers, type Given, type SettingsView } from './settings.js';
export { topicSynonyms } from './synonyms.js';
export { ConfigError } from './value.js';
