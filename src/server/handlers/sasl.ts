import { ErrorCode } from '../../protocol/generated/errors.js';
import { saslAuthenticateApi, type SaslAuthenticateRequest, type SaslAuthenticateResponseInput } from '../../protocol/generated/sasl-authenticate.js';
import { saslHandshakeApi, type SaslHandshakeRequest, type SaslHandshakeResponseInput } from '../../protocol/generated/sasl-handshake.js';
import { answering, serve, type ServedApi } from '../api.js';

/**
 * SaslHandshake 0-1 (KIP-43) and SaslAuthenticate 0-2 (KIP-152, KIP-368) where nobody is to authenticate, or has done so: out of
 * place. Advertised all the same, as Kafka does on every listener.
 */
export function saslApis(): ServedApi[] {
  const roles = ['broker', 'controller'] as const;
  return [
    serve(saslHandshakeApi, answering<SaslHandshakeRequest, SaslHandshakeResponseInput>(() =>
      ({ errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] })), { roles }),
    serve(saslAuthenticateApi, answering<SaslAuthenticateRequest, SaslAuthenticateResponseInput>(() => ({
      errorCode: ErrorCode.ILLEGAL_SASL_STATE, errorMessage: 'SaslAuthenticate request received after successful authentication',
      authBytes: Buffer.alloc(0),
    })), { roles }),
  ];
}
