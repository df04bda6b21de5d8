import type { PresenceRecord } from '../../presence/record.ts';
import type { Builder } from '../builder.ts';
import type { ViewerModel, ViewerRef } from './viewer.ts';

/** The answer of a mutation that changes nothing but the viewer. */
export function defineViewerPayload(builder: Builder, name: string, mutation: string, viewer: ViewerRef) {
  return builder.objectRef<ViewerModel>(name).implement({
    description: `What \`${mutation}\` gives back.`,
    fields: (t) => ({
      viewer: t.field({ type: viewer, description: 'The viewer afterwards.', resolve: (model) => model }),
    }),
  });
}

export async function viewerModel(userId: string, record: Promise<PresenceRecord>): Promise<ViewerModel> {
  return { userId, record: await record };
}
