//! Who may do what: grants, policies, quotas, and the record of what was decided.
