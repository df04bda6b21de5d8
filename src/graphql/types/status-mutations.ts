import { MAX_HIDDEN_FROM, MAX_OVERRIDES } from '../../presence/rules.ts';
import { MAX_IDS } from '../../service/api.ts';
import type { Builder } from '../builder.ts';
import { requireCaller } from '../context.ts';
import type { PresenceRefs } from './presence.ts';
import type { ViewerRef } from './viewer.ts';
import { defineViewerPayload, viewerModel } from './viewer-payload.ts';

/** The source of what people set by hand, as opposed to what a calendar or the like sets for them. */
const DEFAULT_SOURCE = 'user';
const DEFAULT_PRIORITY = 0;

/** What the viewer says of themselves, and who may see it. */
export function defineStatusMutations(
  builder: Builder,
  { status, viewer }: Pick<PresenceRefs, 'status'> & { readonly viewer: ViewerRef },
): void {
  const setOverrideInput = builder.inputType('SetOverrideInput', {
    description: 'A status to show instead of the one that follows from sessions.',
    fields: (t) => ({
      status: t.field({
        type: status,
        required: true,
        description: 'Shown while some session lives. OFFLINE hides from everyone.',
      }),
      source: t.string({
        defaultValue: DEFAULT_SOURCE,
        description: 'Who sets it, such as `user` or `calendar`. It replaces what the same source set before.',
      }),
      priority: t.int({ defaultValue: DEFAULT_PRIORITY, description: 'The highest counts, the newest among equals.' }),
      expiresAt: t.field({
        type: 'DateTime',
        description: 'When it ends, in the future. Left out or null: when it is cleared.',
      }),
    }),
  });
  const clearOverrideInput = builder.inputType('ClearOverrideInput', {
    description: 'Which override to take back.',
    fields: (t) => ({
      source: t.string({ defaultValue: DEFAULT_SOURCE, description: 'The source that set it.' }),
    }),
  });
  const setCustomStatusInput = builder.inputType('SetCustomStatusInput', {
    description: 'The whole custom status: what is left out is not kept. Neither text nor emoji clears it.',
    fields: (t) => ({
      text: t.string({ description: 'The words, or null for none.' }),
      emoji: t.string({ description: 'The emoji, or null for none.' }),
      expiresAt: t.field({
        type: 'DateTime',
        description: 'When it clears itself, in the future. Left out or null: when it is changed.',
      }),
    }),
  });
  const setVisibilityInput = builder.inputType('SetVisibilityInput', {
    description: 'Who may see the viewer. What is left out stays as it is.',
    fields: (t) => ({
      invisible: t.boolean({
        description: 'True: look OFFLINE to everyone. False: be seen again. Null: as before.',
      }),
      hideFrom: t.idList({
        description: `Look OFFLINE to these people too, at most ${MAX_IDS} in one call and ${MAX_HIDDEN_FROM} in all.`,
      }),
      showTo: t.idList({ description: `Do not hide from these people any longer, at most ${MAX_IDS} in one call.` }),
    }),
  });

  const setOverridePayload = defineViewerPayload(builder, 'SetOverridePayload', 'setOverride', viewer);
  const clearOverridePayload = defineViewerPayload(builder, 'ClearOverridePayload', 'clearOverride', viewer);
  const setCustomStatusPayload = defineViewerPayload(builder, 'SetCustomStatusPayload', 'setCustomStatus', viewer);
  const setVisibilityPayload = defineViewerPayload(builder, 'SetVisibilityPayload', 'setVisibility', viewer);

  builder.mutationFields((t) => ({
    setOverride: t.field({
      type: setOverridePayload,
      description:
        'Shows another status instead of ONLINE or AWAY, until it expires or is cleared. ' +
        `LIMIT_EXCEEDED beyond ${MAX_OVERRIDES} sources.`,
      args: { input: t.arg({ type: setOverrideInput, required: true, description: 'The override.' }) },
      resolve: (_root, { input }, context) => {
        const caller = requireCaller(context);
        const override = {
          status: input.status,
          source: input.source ?? DEFAULT_SOURCE,
          priority: input.priority ?? DEFAULT_PRIORITY,
          expiresAt: input.expiresAt ?? null,
        };
        return viewerModel(caller.userId, context.rollcall.setOverride(caller, override));
      },
    }),
    clearOverride: t.field({
      type: clearOverridePayload,
      description: 'Takes an override back; what lies under it shows again. One that is not there is no error.',
      args: { input: t.arg({ type: clearOverrideInput, required: true, description: 'Which one.' }) },
      resolve: (_root, { input }, context) => {
        const caller = requireCaller(context);
        const source = input.source ?? DEFAULT_SOURCE;
        return viewerModel(caller.userId, context.rollcall.clearOverride(caller, source));
      },
    }),
    setCustomStatus: t.field({
      type: setCustomStatusPayload,
      description: 'Sets what is shown beside the status; an empty input clears it.',
      args: { input: t.arg({ type: setCustomStatusInput, required: true, description: 'The custom status.' }) },
      resolve: (_root, { input }, context) => {
        const caller = requireCaller(context);
        const customStatus = {
          text: input.text ?? null,
          emoji: input.emoji ?? null,
          expiresAt: input.expiresAt ?? null,
        };
        return viewerModel(caller.userId, context.rollcall.setCustomStatus(caller, customStatus));
      },
    }),
    setVisibility: t.field({
      type: setVisibilityPayload,
      description:
        'Hides from everyone or from some, and comes out again. Whoever is hidden from sees what they would see of ' +
        'somebody who went offline at that moment.',
      args: { input: t.arg({ type: setVisibilityInput, required: true, description: 'What to change.' }) },
      resolve: (_root, { input }, context) => {
        const caller = requireCaller(context);
        const visibility = {
          invisible: input.invisible ?? null,
          hideFrom: input.hideFrom ?? [],
          showTo: input.showTo ?? [],
        };
        return viewerModel(caller.userId, context.rollcall.setVisibility(caller, visibility));
      },
    }),
  }));
}
