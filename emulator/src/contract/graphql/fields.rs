//! The part of GitHub's GraphQL schema that is known here, written from its reference.
//!
//! Source: <https://docs.github.com/en/graphql/reference>

/// One field: its name, its arguments (`name`, `name!` when required, `name:Input` when typed), and the type it leads to,
/// empty for a leaf.
pub(crate) type Field = (&'static str, &'static str, &'static str);

/// The arguments of every list that is paged; one of `first` and `last` must be given.
pub(crate) const PAGED: &str = "first,last,after,before";

/// The objects and their fields.
pub(crate) const TYPES: &[(&str, &[Field])] = &[
    (
        "Query",
        &[
            ("repository", "owner!,name!,followRenames", "Repository"),
            ("node", "id!", "Node"),
            ("viewer", "", "Actor"),
            ("rateLimit", "dryRun", "RateLimit"),
        ],
    ),
    (
        "Mutation",
        &[
            ("minimizeComment", "input!:MinimizeCommentInput", "MinimizeCommentPayload"),
            ("unminimizeComment", "input!:UnminimizeCommentInput", "UnminimizeCommentPayload"),
            ("updateIssueComment", "input!:UpdateIssueCommentInput", "UpdateIssueCommentPayload"),
            ("enqueuePullRequest", "input!:EnqueuePullRequestInput", "EnqueuePullRequestPayload"),
            ("dequeuePullRequest", "input!:DequeuePullRequestInput", "DequeuePullRequestPayload"),
        ],
    ),
    ("MinimizeCommentPayload", &[("clientMutationId", "", ""), ("minimizedComment", "", "Minimizable")]),
    ("UnminimizeCommentPayload", &[("clientMutationId", "", ""), ("unminimizedComment", "", "Minimizable")]),
    ("UpdateIssueCommentPayload", &[("clientMutationId", "", ""), ("issueComment", "", "IssueComment")]),
    (
        "EnqueuePullRequestPayload",
        &[("clientMutationId", "", ""), ("mergeQueueEntry", "", "MergeQueueEntry")],
    ),
    (
        "DequeuePullRequestPayload",
        &[("clientMutationId", "", ""), ("mergeQueueEntry", "", "MergeQueueEntry")],
    ),
    ("Minimizable", &[("isMinimized", "", ""), ("minimizedReason", "", ""), ("viewerCanMinimize", "", "")]),
    ("Node", &[("id", "", "")]),
    ("Actor", &[("login", "", ""), ("avatarUrl", "size", ""), ("url", "", ""), ("resourcePath", "", "")]),
    ("User", &[("id", "", ""), ("databaseId", "", ""), ("login", "", ""), ("name", "", ""), ("url", "", "")]),
    ("Bot", &[("id", "", ""), ("databaseId", "", ""), ("login", "", ""), ("url", "", "")]),
    (
        "RateLimit",
        &[
            ("limit", "", ""),
            ("cost", "", ""),
            ("used", "", ""),
            ("remaining", "", ""),
            ("resetAt", "", ""),
            ("nodeCount", "", ""),
        ],
    ),
    (
        "Repository",
        &[
            ("id", "", ""),
            ("databaseId", "", ""),
            ("name", "", ""),
            ("nameWithOwner", "", ""),
            ("url", "", ""),
            ("isPrivate", "", ""),
            ("isArchived", "", ""),
            ("isFork", "", ""),
            ("owner", "", "Actor"),
            ("defaultBranchRef", "", "Ref"),
            ("ref", "qualifiedName!", "Ref"),
            ("object", "oid,expression", "GitObject"),
            ("pullRequest", "number!", "PullRequest"),
            (
                "pullRequests",
                "states,baseRefName,headRefName,labels,orderBy,first,last,after,before",
                "PullRequestConnection",
            ),
            ("mergeQueue", "branch", "MergeQueue"),
        ],
    ),
    ("Ref", &[("id", "", ""), ("name", "", ""), ("prefix", "", ""), ("target", "", "GitObject")]),
    ("GitObject", &[("id", "", ""), ("oid", "", ""), ("abbreviatedOid", "", ""), ("commitUrl", "", "")]),
    (
        "Commit",
        &[
            ("id", "", ""),
            ("oid", "", ""),
            ("message", "", ""),
            ("messageHeadline", "", ""),
            ("committedDate", "", ""),
            ("authoredDate", "", ""),
            ("url", "", ""),
            ("statusCheckRollup", "", "StatusCheckRollup"),
        ],
    ),
    ("StatusCheckRollup", &[("id", "", ""), ("state", "", "")]),
    (
        "PullRequest",
        &[
            ("id", "", ""),
            ("databaseId", "", ""),
            ("fullDatabaseId", "", ""),
            ("number", "", ""),
            ("title", "", ""),
            ("body", "", ""),
            ("url", "", ""),
            ("state", "", ""),
            ("isDraft", "", ""),
            ("locked", "", ""),
            ("merged", "", ""),
            ("mergedAt", "", ""),
            ("closed", "", ""),
            ("closedAt", "", ""),
            ("createdAt", "", ""),
            ("updatedAt", "", ""),
            ("mergeable", "", ""),
            ("mergeStateStatus", "", ""),
            ("reviewDecision", "", ""),
            ("headRefName", "", ""),
            ("headRefOid", "", ""),
            ("baseRefName", "", ""),
            ("baseRefOid", "", ""),
            ("isCrossRepository", "", ""),
            ("isInMergeQueue", "", ""),
            ("isMergeQueueEnabled", "", ""),
            ("maintainerCanModify", "", ""),
            ("changedFiles", "", ""),
            ("additions", "", ""),
            ("deletions", "", ""),
            ("authorAssociation", "", ""),
            ("author", "", "Actor"),
            ("mergedBy", "", "Actor"),
            ("mergeCommit", "", "Commit"),
            ("potentialMergeCommit", "", "Commit"),
            ("headRef", "", "Ref"),
            ("baseRef", "", "Ref"),
            ("headRepository", "", "Repository"),
            ("baseRepository", "", "Repository"),
            ("repository", "", "Repository"),
            ("mergeQueueEntry", "", "MergeQueueEntry"),
            ("comments", "orderBy,first,last,after,before", "IssueCommentConnection"),
            ("commits", PAGED, "PullRequestCommitConnection"),
            ("reviews", "states,author,first,last,after,before", "PullRequestReviewConnection"),
            ("latestReviews", "writersOnly,first,last,after,before", "PullRequestReviewConnection"),
            (
                "latestOpinionatedReviews",
                "writersOnly,first,last,after,before",
                "PullRequestReviewConnection",
            ),
            ("labels", "orderBy,first,last,after,before", "LabelConnection"),
        ],
    ),
    ("PullRequestCommit", &[("id", "", ""), ("url", "", ""), ("commit", "", "Commit")]),
    (
        "PullRequestReview",
        &[
            ("id", "", ""),
            ("databaseId", "", ""),
            ("state", "", ""),
            ("body", "", ""),
            ("submittedAt", "", ""),
            ("authorAssociation", "", ""),
            ("authorCanPushToRepository", "", ""),
            ("author", "", "Actor"),
            ("commit", "", "Commit"),
        ],
    ),
    (
        "IssueComment",
        &[
            ("id", "", ""),
            ("databaseId", "", ""),
            ("fullDatabaseId", "", ""),
            ("body", "", ""),
            ("url", "", ""),
            ("createdAt", "", ""),
            ("updatedAt", "", ""),
            ("isMinimized", "", ""),
            ("minimizedReason", "", ""),
            ("viewerDidAuthor", "", ""),
            ("viewerCanMinimize", "", ""),
            ("author", "", "Actor"),
            ("editor", "", "Actor"),
        ],
    ),
    ("Label", &[("id", "", ""), ("name", "", ""), ("color", "", ""), ("description", "", "")]),
    ("MergeQueue", &[("id", "", ""), ("url", "", ""), ("entries", PAGED, "MergeQueueEntryConnection")]),
    (
        "MergeQueueEntry",
        &[
            ("id", "", ""),
            ("position", "", ""),
            ("state", "", ""),
            ("enqueuedAt", "", ""),
            ("jump", "", ""),
            ("solo", "", ""),
            ("baseCommit", "", "Commit"),
            ("headCommit", "", "Commit"),
            ("pullRequest", "", "PullRequest"),
        ],
    ),
    (
        "PageInfo",
        &[
            ("hasNextPage", "", ""),
            ("hasPreviousPage", "", ""),
            ("startCursor", "", ""),
            ("endCursor", "", ""),
        ],
    ),
];

/// Lists of these have `nodes`, `edges`, `pageInfo` and `totalCount`.
pub(crate) const CONNECTIONS: &[&str] =
    &["PullRequest", "PullRequestCommit", "PullRequestReview", "IssueComment", "Label", "MergeQueueEntry"];

/// The types a value of an interface or union may have, for `... on TYPE`.
pub(crate) const POSSIBLE: &[(&str, &[&str])] = &[
    (
        "Node",
        &[
            "Repository",
            "PullRequest",
            "IssueComment",
            "PullRequestReview",
            "Commit",
            "Ref",
            "Label",
            "User",
            "Bot",
            "MergeQueueEntry",
        ],
    ),
    ("Actor", &["User", "Bot"]),
    ("GitObject", &["Commit"]),
    ("Minimizable", &["IssueComment", "PullRequestReview"]),
];

/// Input objects: their fields as arguments are written.
pub(crate) const INPUTS: &[(&str, &str)] = &[
    ("MinimizeCommentInput", "subjectId!,classifier!:ReportedContentClassifiers,clientMutationId"),
    ("UnminimizeCommentInput", "subjectId!,clientMutationId"),
    ("UpdateIssueCommentInput", "id!,body!,clientMutationId"),
    ("EnqueuePullRequestInput", "pullRequestId!,jump,expectedHeadOid,clientMutationId"),
    ("DequeuePullRequestInput", "id!,clientMutationId"),
];

/// Enumerations and their values.
pub(crate) const ENUMS: &[(&str, &[&str])] =
    &[("ReportedContentClassifiers", &["ABUSE", "DUPLICATE", "OFF_TOPIC", "OUTDATED", "RESOLVED", "SPAM"])];
