import { addRaftVoterApi } from '../../protocol/generated/add-raft-voter.js';
import { describeQuorumApi } from '../../protocol/generated/describe-quorum.js';
import { removeRaftVoterApi } from '../../protocol/generated/remove-raft-voter.js';
import { answering, serve, type ServedApi } from '../api.js';
import { requireOnCluster } from '../authorizer.js';
import { Operation } from '../context.js';
import type { Services } from '../services.js';

/** The quorum under the controller: DescribeQuorum 0-2 (KIP-595, KIP-836), AddRaftVoter 0-1 and RemoveRaftVoter 0 (KIP-853). */
export function quorumApis({ authorizer, quorum }: Services): ServedApi[] {
  const roles = ['broker', 'controller'] as const;
  return [
    serve(describeQuorumApi, answering((request, context) => {
      requireOnCluster(authorizer, context, Operation.DESCRIBE);
      return quorum.describeQuorum(request);
    }), { roles }),
    serve(addRaftVoterApi, answering((request, context) => {
      requireOnCluster(authorizer, context, Operation.ALTER);
      return quorum.addVoter(request);
    }), { roles }),
    serve(removeRaftVoterApi, answering((request, context) => {
      requireOnCluster(authorizer, context, Operation.ALTER);
      return quorum.removeVoter(request);
    }), { roles }),
  ];
}
