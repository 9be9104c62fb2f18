// Audit lines on the process's standard output, for containers whose platform collects it.

import type { AuditSinkType } from '../device.ts';

export const stdoutSinkType: AuditSinkType = {
  type: 'stdout',
  open: async () => ({
    write: (line) =>
      new Promise((resolve, reject) => {
        process.stdout.write(line, (error) => (error ? reject(error) : resolve()));
      }),
    reopen: async () => {},
    close: async () => {},
  }),
};
