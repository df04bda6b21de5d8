import {
  type ASTVisitor,
  GraphQLError,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  Kind,
  OperationTypeNode,
  type SelectionNode,
  type ValidationContext,
} from 'graphql';

/**
 * A validation rule: the one field of a subscription is not skipped on a condition, as the specification has it since 2025.
 * graphql-js 16 lets it pass and then fails in itself when nothing is left to subscribe to.
 */
export function UnconditionalSubscriptionRule(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition(node) {
      if (node.operation !== OperationTypeNode.SUBSCRIPTION) return;
      const seen = new Set<string>();
      const check = (selection: SelectionNode): void => {
        const condition = selection.directives?.find(
          ({ name }) => name.value === GraphQLSkipDirective.name || name.value === GraphQLIncludeDirective.name,
        );
        if (condition) {
          const message = `A subscription must not use "@${condition.name.value}" on its field.`;
          context.reportError(new GraphQLError(message, { nodes: condition }));
        } else if (selection.kind === Kind.INLINE_FRAGMENT) {
          selection.selectionSet.selections.forEach(check);
        } else if (selection.kind === Kind.FRAGMENT_SPREAD && !seen.has(selection.name.value)) {
          seen.add(selection.name.value);
          context.getFragment(selection.name.value)?.selectionSet.selections.forEach(check);
        }
      };
      node.selectionSet.selections.forEach(check);
    },
  };
}
