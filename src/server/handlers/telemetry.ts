import { ErrorCode } from '../../protocol/generated/errors.js';
import { getTelemetrySubscriptionsApi } from '../../protocol/generated/get-telemetry-subscriptions.js';
import { pushTelemetryApi, type PushTelemetryResponseInput } from '../../protocol/generated/push-telemetry.js';
import { answering, serve, type ServedApi } from '../api.js';
import type { Services } from '../services.js';

/**
 * Metrics of clients: GetTelemetrySubscriptions 0, PushTelemetry 0 (KIP-714). Served always and advertised where they are collected,
 * as Kafka has it.
 */
export function telemetryApis({ telemetry }: Pick<Services, 'telemetry'>): ServedApi[] {
  const isHidden = !telemetry.collects;
  return [
    serve(getTelemetrySubscriptionsApi, answering((request, context) => telemetry.subscriptionOf(request.clientInstanceId, context)), { isHidden }),
    serve(pushTelemetryApi, answering(async (request, context): Promise<PushTelemetryResponseInput> => {
      await telemetry.push(request, context);
      return { errorCode: ErrorCode.NONE };
    }), { isHidden }),
  ];
}
