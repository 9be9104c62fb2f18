// The device `stdout`, which needs no options.

import type { AuditSinkType } from '../device.ts';
import { standardOutput } from '../standard-output.ts';

export const stdoutSinkType: AuditSinkType = { type: 'stdout', open: async () => standardOutput() };
