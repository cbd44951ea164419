//! Expressions to sets of hosts.

use crate::group_source::GroupSource;
use crate::inventory::Inventory;
use crate::selection_error::SelectionError;

use super::{Expression, Operand, Operator, Pattern, Set};

/// What the names in a pattern refer to.
pub(crate) struct Scope<'a> {
    pub(crate) inventory: &'a Inventory,
    pub(crate) source: &'a dyn GroupSource,
}

impl Pattern {
    /// Returns the hosts that the pattern matches.
    pub(crate) fn hosts(&self, scope: &Scope<'_>) -> Result<Set, SelectionError> {
        self.expression(scope, &self.expression)
    }

    /// The parser bounds how deep expressions nest, so this recursion is bounded as well.
    fn expression(&self, scope: &Scope<'_>, expression: &Expression) -> Result<Set, SelectionError> {
        let mut set = self.operand(scope, &expression.first)?;
        for (operator, operand) in &expression.rest {
            let other = self.operand(scope, operand)?;
            match operator {
                Operator::Or => set.unite(&other),
                Operator::And => set.intersect(&other),
                Operator::ButNot => set.subtract(&other),
                Operator::Xor => set.differ(&other),
            }
        }
        Ok(set)
    }

    fn operand(&self, scope: &Scope<'_>, operand: &Operand) -> Result<Set, SelectionError> {
        match operand {
            Operand::All => Ok(Set::all(scope.inventory)),
            Operand::Term(term) => self.term(scope, term),
            Operand::Nested(expression) => self.expression(scope, expression),
            Operand::Not(operand) => {
                let mut set = self.operand(scope, operand)?;
                set.invert();
                Ok(set)
            }
        }
    }
}
