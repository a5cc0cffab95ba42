"""What is recorded in English, in Chinese: a catalogue of sentences of decisions and certificates, with their places.

Reasons and limits are recorded once, under the digest of a plan or a certificate; pages and papers show them in the
reader's language, old ones too. A sentence that is not in the catalogue stays in English and is never guessed: a
blocker's explanation, which names systems and files, is one. Nothing is decided here.

A place is written ``{name:kind}``; the kind says what may stand there, and how it is told in Chinese: ``day``,
``period``, ``count``, ``rule``, ``event``, ``role``, ``text`` (as it is), ``rules`` (of maxima), ``says`` and
``review`` (another sentence), or ``parts`` (several, parted by semicolons; one that is not in the catalogue stays as it
is).
"""

import re
from functools import cache

from winddown.rules.words import Word, word

_KINDS = {
    "day": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "period": r"-?P[0-9YMD]+(?: \(working days\))?",
    "rule": "[A-Za-z0-9][A-Za-z0-9_-]+",
    "event": "[a-z][a-z0-9_]+",
    "role": "[a-z][a-z0-9_]+(?: and [a-z][a-z0-9_]+)*",
    "text": ".+?",
    "count": "[0-9,]+",
    "rules": ".+?",
    "says": ".+?",
    "review": "(?:next review on|overdue for review since) .+",
    "parts": ".+?",
}
# The first that matches is taken, so what is composed of other sentences stands where nothing more special can match.
_SENTENCES = {
    # what is missing
    "no person can be named for it; a steward ties it or decides": "无法对应到任何人；由数据管理员对应或决定",
    "its subject is missing or is no known customer; a steward decides": (
        "对应的人缺失或不是已知客户；由数据管理员决定"
    ),
    "its duty would count from a placeholder (1900-01-01 or the like), nobody's date; a steward supplies one": (
        "期限的起算日期是占位日期（如 1900-01-01），不是真实日期；由数据管理员补充"
    ),
    "it has no date from which its duty could count; a steward supplies one": "缺少期限的起算日期；由数据管理员补充",
    "a record that stays refers to it; a steward resolves what keeps that one": (
        "有留存的记录引用它；由数据管理员解决该记录留存的原因"
    ),
    "rows of {names:text} that stay refer to them; resolve what keeps or blocks these, then plan again": (
        "{names} 中留存的行引用这些记录；先解决其留存或受阻的原因，再重新制定方案"
    ),
    "nobody declared what it is for; a steward registers its purpose": "无人登记其用途；由数据管理员登记",
    "not customers' information; what becomes of it, a steward decides": "不是客户信息；如何处置由数据管理员决定",
    "nobody said of what it is a backup and when it expires; a steward does": (
        "无人说明它是什么的备份、何时到期；由数据管理员说明"
    ),
    "no rule knows the category {names:text}; a steward corrects it": "没有规则认识类别 {names}；由数据管理员更正",
    (
        "duties to keep {names:text} bind other sectors than the case names; the liquidation group adds "
        "the sector, or the steward registers a general category"
    ): "保存 {names} 的义务约束案件未列明的行业；由清算组补充行业，或由数据管理员改登一般类别",
    "it was not tied to persons; a steward ties it or decides": "未对应到人；由数据管理员对应或决定",
    "field {field:text}: {why:text}; a steward answers": "字段 {field} 不能确定（{why}）；由数据管理员回答",
    "no field is confirmed as personal information; a steward answers": "没有字段确认为个人信息；由数据管理员回答",
    "no field is registered for {elements:text}, which {rule:rule} needs; the steward maps them": (
        "{rule} 所需的 {elements} 没有登记字段；由数据管理员对应"
    ),
    "the text names no start; a named officer accepts a date in the case file": (
        "条文未写明起算点；由指定负责人在案件文件中确认日期"
    ),
    "{rule:rule} counts from {event:event}, a date that no registered field and no event gives": (
        "{rule} 自“{event}”起算，但没有登记字段或事件给出该日期"
    ),
    "its records are not about customers; what becomes of them, a steward decides": (
        "记录与客户无关；如何处置由数据管理员决定"
    ),
    "it expired on {day:day} and is still there; remove it": "已于 {day} 到期而仍然存在；请移除",
    # what must go
    "the person was under 14 when the service stopped, so it goes at once": "停止服务时不满十四周岁，应立即删除",
    "the service stopped on {day:day}": "服务已于 {day} 停止",
    "it must go from time to time; the text names no period": "应定期删除；条文未规定期限",
    "it asks for deletion, but its words were not read, so nothing goes by it": (
        "要求删除，但原文未经核对，不据此删除"
    ),
    "the rule is not in force on {day:day}, so nothing may be destroyed by it": "该规则于 {day} 未生效，不得据此销毁",
    "the duty to delete starts with {event:event}, which has not happened": (
        "删除义务自“{event}”起产生，该事件尚未发生"
    ),
    "the longest time of keeping ended: {rules:rules}": "最长保存期限已届满：{rules}",
    "{trigger:says}; personal information as a steward declared for these objects, and confirmed in {fields:text}": (
        "{trigger}；数据管理员申报这些对象含个人信息，并在 {fields} 中确认"
    ),
    "{trigger:says}; personal information as a steward declared for these objects": (
        "{trigger}；数据管理员申报这些对象含个人信息"
    ),
    "{trigger:says}; personal information confirmed in {fields:text}": "{trigger}；{fields} 确认为个人信息",
    "a child's fields that the voucher does not need go at once": "会计凭证不需要的儿童字段立即删除",
    "the register asks to anonymise, but no rule that names it as the alternative speaks of these records": (
        "登记要求匿名化，但没有将匿名化列为选项的规则适用于这些记录"
    ),
    # what is kept
    "must be kept {until:says}; stands against deletion: {authority:says}": (
        "须保存{until}；阻止删除的依据：{authority}"
    ),
    "until {day:day} ({period:period} from {start:day})": "至 {day}（自 {start} 起 {period}）",
    "for {period:period} from {event:event}, whose date nobody knows": "自“{event}”起 {period}，该日期无人知晓",
    "for ever": "永久",
    "a law or an administrative regulation": "法律或行政法规",
    "a department's rule that a law or regulation provides for": "法律、行政法规授权的部门规章",
    "counsel's recorded opinion": "已记录的律师意见",
    "arguable": "有争议",
    "its period ended on {day:day}": "期限已于 {day} 届满",
    "until then only storage and protection are allowed": "在此之前仅可存储和采取安全保护措施",
    "meanwhile only storage and protection are allowed": "其间仅可存储和采取安全保护措施",
    "it is no longer collected or used": "不再收集和使用",
    "every personal field but {fields:text} is not needed for it": "除 {fields} 外的个人信息字段均不需要",
    "on termination it goes to the custodian": "终止时移交托管人",
    "handed to {receiver:text} after notice": "告知后移交 {receiver}",
    "the recipient goes on protecting it": "接收方继续履行保护义务",
    (
        "single records cannot be removed from a backup of {store:text}; it is only stored until it "
        "expires on {day:day}"
    ): "无法从 {store} 的备份中移除单条记录；仅存储至 {day} 到期",
    "{until:says}: a longer duty covers it": "{until}：已由更长的义务涵盖",
    "the company promised to delete by {day:day}; a law's minimum goes before a promise": (
        "公司承诺于 {day} 前删除；法定最短期限优先于承诺"
    ),
    "the company promised to delete by {day:day}": "公司承诺于 {day} 前删除",
    # counsel
    "counsel's opinion cannot set a law aside": "律师意见不能排除法律的适用",
    "counsel's opinion of {day:day}: it does not stand against deletion": "{day} 的律师意见：不阻止删除",
    "{question:says}; counsel's opinion of {day:day}: what the minimum needs is kept": (
        "{question}；{day} 的律师意见：保留最短期限所需内容"
    ),
    "{question:says}; it is only stored until counsel says and the case file shows it under opinions": (
        "{question}；在律师答复并载入案件文件 opinions 之前仅存储"
    ),
    "keeping more or longer for it is only arguable": "为此保存更多或更久尚有争议",
    "keeping it {until:says} is only arguable here": "保存{until}在此尚有争议",
    "its longest time ended on {day:day}, and a minimum still runs": "最长期限已于 {day} 届满，而最短期限仍在进行",
    "children's information must go, and a minimum still runs": "儿童信息应当删除，而最短期限仍在进行",
    # holds and hand-overs
    "{covers:says}; hold {hold:text}, matter {matter:text}: {zh:text}; {en:text}; {review:review}": (
        "{covers}；保全 {hold}，事项 {matter}：{zh}；{review}"
    ),
    "the record, or one that refers to it, is under a legal hold; it stays with every field": (
        "该记录或引用它的记录受法律保全；全部字段保留"
    ),
    "no record of it can be tied to a person, so a legal hold covers all of these": (
        "其记录无法对应到人，法律保全覆盖全部"
    ),
    "overdue for review since {day:day}, and holds until it is released": "自 {day} 起逾期未复核，解除前继续有效",
    "next review on {day:day}": "下次复核 {day}",
    "deleting it is the breach: {role:role} receives it": "删除即违法：由{role}接收",
    "the recipient goes on keeping it": "由接收方继续保存",
    "{roles:role} must receive the same records; counsel says which of them, and in which order": (
        "{roles}均须接收同一批记录；由律师说明由谁接收及先后"
    ),
    "the case names no recipient of the kind {role:role}; the liquidation group names it": (
        "案件未指定{role}；由清算组指定"
    ),
    "they are handed over, but nothing says that the company's own copy goes; a steward decides": (
        "须移交，但没有规定公司自有副本应删除；由数据管理员决定"
    ),
    "it is due with {event:event}": "“{event}”时到期",
    # what took no part
    "a legal hold covers the record, so nothing else is weighed": "记录受法律保全，不再权衡其他规则",
    "no hold that is in force covers these records": "没有生效的保全覆盖这些记录",
    "these persons are not known to have been under 14 when the service stopped": (
        "停止服务时这些人并非已知的不满十四周岁者"
    ),
    "it is weighed when what is missing has been supplied": "补齐所缺后再权衡",
    "the recipient keeps it; here it is neither kept nor due": "由接收方保存；此处既不保存也不到期",
    "somebody may ask for the record in this time; that is no duty to keep it": "其间可能有人查询，但不构成保存义务",
    "{event:event} is not dated for these records": "这些记录没有“{event}”的日期",
    "it asks for nothing before its longest time ends on {day:day}": "最长期限至 {day}，届满前不提出要求",
    "its longest time ended on {day:day}": "最长期限已于 {day} 届满",
    "it asks for deletion from {day:day}": "自 {day} 起要求删除",
    "its trigger has not come, or another duty of the same kind was enough": "触发条件未出现，或同类义务已足够",
    # clocks
    (
        "{event:event} has not happened by {day:day}; no rule that was read says when it may for this "
        "kind of company: counsel says so"
    ): "截至 {day}“{event}”尚未发生；已核对的规则未规定此类主体的期限：由律师说明",
    "{event:event} has not happened by {day:day}; it was due on {due:day}": (
        "截至 {day}“{event}”尚未发生；应于 {due} 前完成"
    ),
    "{event:event} has not happened by {day:day}": "截至 {day}“{event}”尚未发生",
    "{end:event} {day:day} is within {event:event} {start:day} + {period:period}": (
        "“{end}”{day} 在“{event}”{start} 起 {period} 之内"
    ),
    "{end:event} {day:day} is later than {event:event} {start:day} + {period:period}": (
        "“{end}”{day} 晚于“{event}”{start} 起 {period}"
    ),
    "{end:event} {day:day} is not before {event:event} {start:day} + {period:period}": (
        "“{end}”{day} 不早于“{event}”{start} 起 {period}"
    ),
    "{end:event} {day:day} is before {event:event} {start:day} + {period:period}": (
        "“{end}”{day} 早于“{event}”{start} 起 {period}"
    ),
    # short ones that others are made of
    "{event:event} in the month that ended on {day:day}, and {period:period} after it was {end:day}": (
        "“{event}”发生在截至 {day} 的月份，其后 {period} 为 {end}"
    ),
    "{event:event} in the month that ended on {day:day}": "“{event}”发生在截至 {day} 的月份",
    "{event:event} on {day:day}, and {period:period} after it was {end:day}": (
        "“{event}”于 {day}，其后 {period} 为 {end}"
    ),
    "{event:event} on {day:day}": "“{event}”于 {day}",
    "until {event:event}": "至“{event}”",
    # what a certificate says of places that may hold records longer
    "backup of {store:text}, taken on {day:day}, still holds erased records": (
        "{store} 于 {day} 的备份仍含已删除的记录"
    ),
    "no backup of this store is declared; one that exists still holds erased records": (
        "未申报本系统的备份；如有备份，其中仍含已删除的记录"
    ),
    "nothing here clears this store's files and logs; they may still hold erased records": (
        "本程序不净化该系统的文件和日志；其中可能仍含已删除的记录"
    ),
    "files and logs may still hold erased records until the store's administrator has done: {tasks:text}": (
        "在系统管理员完成以下事项之前，文件和日志可能仍含已删除的记录：{tasks}"
    ),
    "{number:text} in compliance retention": "{number}，处于合规保留期",
    (
        "{number:text} versions stay locked, unreadable since their key was destroyed (crypto_erase; NIST outcome: "
        "purge); their names, sizes, metadata and tags stay in clear"
    ): (
        "{number} 个版本仍被锁定，密钥已销毁，故不可读（crypto_erase；NIST 结果：Purge）；"
        "其名称、大小、元数据和标签仍为明文"
    ),
    (
        "store {name:text}: its key was destroyed by unlinking its file, which was not overwritten; nothing is claimed "
        "of copies of the key beyond what the company declared of them, nor of bodies that lay there before without it"
    ): (
        "系统 {name}：密钥以删除其文件的方式销毁，未予覆写；密钥的其他副本，除公司所作声明外，不作任何主张；"
        "此前未用该密钥加密而存放过的内容，亦不作主张"
    ),
    "{number:text} under a legal hold of the object service, until it is lifted": (
        "{number}，受对象存储服务的法律保全，直至解除"
    ),
    "names of objects in {lists:text} delivered {where:text}, until they are deleted there": (
        "{lists} 中的对象名称（送达 {where}），直至在该处删除"
    ),
    # what winddown itself holds, and what its destruction means
    "files unlinked, their key overwritten and unlinked; NIST outcome: clear": (
        "文件已删除，其密钥已覆写并删除；NIST 结果：Clear"
    ),
    "a key that can be brought back is not destroyed": "可以找回的密钥等于没有销毁",
    "{number:count} records stay, as {certificate:text} lists them": "{number} 条记录保留，见 {certificate}",
    "{collection:text} may hold erased records until a day that nobody named": (
        "{collection} 可能仍含已删除的记录，截止日期无人说明"
    ),
    "{collection:text} may hold erased records until {day:day}": "{collection} 在 {day} 之前可能仍含已删除的记录",
    "afterwards nothing of this case can be read anew, proved to a customer, or continued": (
        "此后本案不能重新读取，不能再向客户证明，也不能续办"
    ),
    (
        "copies of the workspace that others made (snapshots, backups), and memory of running processes, were not "
        "reached"
    ): "未触及他人制作的工作区副本（快照、备份）和运行中进程的内存",
    "the scheduler keeps its task logs and XComs, which hold ids and counts, until its administrator removes them": (
        "调度系统的任务日志和 XCom 仅含编号和计数，保留至其管理员清除"  # of certificates of earlier builds
    ),
    "what the scheduler keeps of the case, with ids and counts, is removed afterwards by {person:text}": (
        "调度系统中本案的记录（仅含编号和计数）此后由 {person} 删除"
    ),
    "task logs and XComs of the case's runs, with ids, digests and counts": (
        "本案各次运行的任务日志和 XCom，含编号、摘要和计数"
    ),
    # what it does not claim
    "blocks of file systems and disks were not overwritten: NIST SP 800-88 Rev. 2 outcome is clear at best": (
        "未覆写文件系统和磁盘的块：NIST SP 800-88 Rev. 2 结果至多为 Clear"
    ),
    (
        "blocks of file systems and disks were not overwritten: NIST SP 800-88 Rev. 2 outcome is clear at best, but "
        "for what lay under a destroyed key"
    ): "未覆写文件系统和磁盘的块：除已销毁密钥之下的内容外，NIST SP 800-88 Rev. 2 结果至多为 Clear",
    "archived WAL, replicas, service logs and inventories outside the declared stores were not reached": (
        "未触及已归档的预写日志、副本、服务日志，以及已申报系统之外的清单"
    ),
    "store {store:text}: no backup of it was restored as a proof; only PostgreSQL's are": (
        "系统 {store}：未以还原备份作为证明；仅对 PostgreSQL 这样做"
    ),
    "store {store:text}: not reached: {left:parts}": "系统 {store}：未触及：{left}",
    (
        "anonymous extracts: combinations were counted in each extract alone; nothing is claimed about what the "
        "members of a group have in common (no l-diversity), nor about comparing extracts with each other or with "
        "other sources"
    ): "匿名摘录：仅在各摘录内部计数组合；对同组成员的共同之处（l-多样性）、摘录之间或与其他来源的比对不作任何主张",
    "embedded mode: approvals are not protected against this machine's own operating-system user": (
        "单机模式：无法防止本机操作系统用户影响批准"
    ),
    (
        "embedded mode: approvals given by login, receipts, halts and the ledger's keys are not protected against "
        "this machine's own operating-system user; approvals signed with an approver's own key are, for a reader "
        "who has that key"
    ): (
        "单机模式：无法防止本机操作系统用户影响登录批准、签收、紧急停止和账本密钥；"
        "以批准人本人密钥签名的批准除外，但以读者持有该公钥为限"
    ),
    (
        "tokens stand in place of values in {fields:text}: whoever holds the case's key can find a value out by "
        "trying, and that key was not destroyed when this was issued"
    ): "{fields} 中以令牌代替原值：持有本案密钥者可通过逐一尝试查出原值，出具本证明时该密钥尚未销毁",
    (
        "store {store:text}: where it is the demonstration's object server, it does not enforce "
        "credentials, policies or locks, so nothing is claimed about them"
    ): "系统 {store}：如为演示用对象存储，则不强制执行凭证、策略和锁定，对此不作主张",
    "blocks of the device until they are trimmed or overwritten": "设备上的块，直至被回收或覆写",
    "blocks of the file system": "文件系统的块",
    "names and short files in the file system's journal and in unused parts of folders": (
        "文件系统日志和目录未用部分中的名称及短文件"
    ),
    "copies, indexes and thumbnails that other programs made": "其他程序生成的副本、索引和缩略图",
    "what programs of other users and other machines hold open": "其他用户或其他机器的程序仍打开的内容",
    "backups": "备份",
    "files of replicas": "副本的文件",
    "copies of the write-ahead log elsewhere": "他处的预写日志副本",
    "copies of binary logs": "二进制日志的副本",
    "{count:count} encrypted files of batches that the journal does not know": (
        "{count} 个加密文件，其批次未见于执行日志"
    ),
    "memory of the process": "进程内存",
    "blocks of the file system, copies of the file, memory of other programs": (
        "文件系统的块、文件的副本、其他程序的内存"
    ),
    "the service's disks, replicas, inventory and access logs": "服务的磁盘、副本、清单和访问日志",
    "the write-ahead log that waits to be archived": "等待归档的预写日志",
    # how far an inspection reached
    "logically deleted; no value was fit for a search in raw bytes, so nothing is claimed about them": (
        "已逻辑删除；没有适合在原始字节中检索的值，故对原始字节不作主张"
    ),
    "logically deleted; sampled values absent from live files, logs and statistics; NIST outcome: clear": (
        "已逻辑删除；现存文件、日志和统计信息中没有抽样值；NIST 结果：Clear"
    ),
    "logically deleted; raw bytes could not be reached, so nothing is claimed about them": (
        "已逻辑删除；无法读取原始字节，故对原始字节不作主张"
    ),
    "every object version that the service lists; not the service's disks": "服务所列出的全部对象版本；不含服务的磁盘",
    "the database file and the files beside it": "数据库文件及其旁的文件",
    "files of the database server": "数据库服务器的文件",
    "files of the database server, but for values over some 2 kB, which it compresses": (
        "数据库服务器的文件，约 2 kB 以上因压缩存放的值除外"
    ),
    "files of the database server, but for values over some 2 kB, which it compresses, and page images in its log": (
        "数据库服务器的文件，约 2 kB 以上因压缩存放的值及日志中的页映像除外"
    ),
    "files of the engine": "数据库引擎的文件",
    "every file below the folder": "目录下的全部文件",
    "and the whole device": "以及整个设备",
    "not the free space of the device": "不含设备的空闲空间",
    "every object version that the service lists": "服务所列出的全部对象版本",
    "not the service's disks": "不含服务的磁盘",
    "not searched, because they stay: {names:text}": "因留存而未检索：{names}",
    "statements that failed, and values that errors quote, in the server log ({place:text}, {level:text})": (
        "服务器日志（{place}，{level}）中执行失败的语句和报错引用的值"
    ),
    "those of {count:count} compressed or encrypted tables are not unpacked": "{count} 个压缩或加密的表未解开",
    "{count:count} packed and not unpacked: {names:text}": "{count} 个压缩文件未能解开：{names}",
    "{count:count} packed and not unpacked": "{count} 个压缩文件未能解开",
    # who keeps, and who reads
    "{who:text}, by agreement of {day:day}": "{who}（{day} 协议）",
    "not known: the administrator takes the readers of this store away": "不明：由管理员撤销本系统的读取权限",
    # exceptions, and why a method
    "versions under governance retention were purged for the approved reason": (
        "已按批准的理由清除处于治理保留期的版本"
    ),
    "its bucket was deleted once it was empty, for the approved reason": "存储桶清空后，已按批准的理由删除",
    "the key of its store was destroyed once all else was purged, for the approved reason": (
        "其他一切清除之后，已按批准的理由销毁该系统的密钥"
    ),
    "versions that a retention keeps stay behind, unreadable": "受保留期约束的版本留存，但已不可读",
    "leaves locked what the service retains, unreadable: {number:text}": "服务锁定的版本留存但不可读：{number}",
    (
        "when all else is purged, the key with fingerprint {key:text} is destroyed for good: {why:text}, and of its "
        "copies: {copies:text}"
    ): "其他一切清除之后，永久销毁指纹为 {key} 的密钥：{why}；其副本：{copies}",
    "interrupted {count:text} times with an unknown outcome, which was settled by looking again": (
        "曾 {count} 次中断而结果不明，均经重新查看予以确定"
    ),
    "the records stay and {count:text} of their fields are emptied": "记录保留，清空其中 {count} 个字段",
    "the records stay and {count:text} of their fields are emptied, and of {parts:text} more a part or a token stays": (
        "记录保留，清空其中 {count} 个字段，另有 {parts} 个字段留下部分内容或令牌"
    ),
    "{due:text} of {total:text} records go, in batches, and an encrypted file keeps each until the purge": (
        "{total} 条记录中删除 {due} 条，分批进行，每批由加密文件留存至清除"
    ),
    "all {total:text} records go, and no table that stays refers to it": (
        "全部 {total} 条记录均删除，且没有留存的表引用它"
    ),
    "all records of {count:text} of {total:text} partitions that hold any go": (
        "在有记录的 {total} 个分区中，{count} 个分区的记录全部删除"
    ),
    "{count:count} records that go lie in partitions of which something stays": (
        "待删除的 {count} 条记录所在的分区中尚有内容留存"
    ),
    "every record in these objects goes": "这些对象中的记录全部删除",
    "other records in the same objects stay": "同一对象中尚有其他记录留存",
    "the table goes on without them, and its history ends with the purge": "表不再含这些记录，其历史随清除而终止",
    "every record in these objects goes, and the bucket keeps no versions": (
        "这些对象中的记录全部删除，且存储桶不保留版本"
    ),
    "other records in the same objects stay, and the bucket keeps no versions": (
        "同一对象中尚有其他记录留存，且存储桶不保留版本"
    ),
    "every record in these files goes": "这些文件中的记录全部删除",
    "other records in the same files stay": "同一文件中尚有其他记录留存",
    "{how:says}; not as a whole, because of: {against:text}": "{how}；未整体处置，原因：{against}",
    "{how:says}; the table is not emptied but for what stays, because of: {against:text}": (
        "{how}；未采用清空表并放回留存行的方式，原因：{against}"
    ),
    "{due:text} of {total:text} records go, and encrypted files keep them until the purge; after a first batch the "
    "table is emptied but for the {rest:text} that stay, and cannot be read for about {seconds:text} s": (
        "{total} 条记录中删除 {due} 条，由加密文件留存至清除；首批之后清空该表并放回留存的 {rest} 条，"
        "其间约 {seconds} 秒不可读"
    ),
    "{due:text} of {total:text} records go, and encrypted files keep them until the purge; after a first batch the "
    "table is emptied but for the {rest:text} that stay, and cannot be read for less than a second": (
        "{total} 条记录中删除 {due} 条，由加密文件留存至清除；首批之后清空该表并放回留存的 {rest} 条，"
        "其间不到一秒不可读"
    ),
    "{due:text} of {total:text} records go": "{total} 条记录中删除 {due} 条",
    "{reason:text}; accepted by {who:text}": "{reason}；由 {who} 接受",
}
_PLACE = re.compile(r"\{([a-z]+):([a-z]+)\}")
_MAXIMUM = re.compile(r"([A-Za-z0-9_-]+ \(.+?\)) on ([0-9]{4}-[0-9]{2}-[0-9]{2})")


def said(says: str) -> Word:
    """A recorded sentence in both languages; without Chinese where the catalogue does not have it."""
    return Word(_in_chinese(says), says)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], dict[str, str], str], ...]:
    return tuple((_pattern(en), dict(_PLACE.findall(en)), zh) for en, zh in _SENTENCES.items())


def _pattern(en: str) -> re.Pattern[str]:
    fixed = iter(_PLACE.split(en))
    parts = [re.escape(next(fixed))]
    for name, kind, text in zip(fixed, fixed, fixed, strict=True):
        parts += [f"(?P<{name}>{_KINDS[kind]})", re.escape(text)]
    return re.compile("".join(parts))


def _in_chinese(says: str) -> str:
    for pattern, kinds, zh in _patterns():
        found = pattern.fullmatch(says)
        if found is None:
            continue
        told = {name: _told(kinds[name], value) for name, value in found.groupdict().items()}
        if all(told.values()):
            return zh.format(**told)
    return ""


def _told(kind: str, value: str) -> str:
    """What stands at a place, in Chinese; "" for a sentence that is not in the catalogue."""
    match kind:
        case "says" | "review":
            return _in_chinese(value)
        case "event":
            return word("event", value).zh or value
        case "role":
            return "、".join(word("role", name).zh or name for name in value.split(" and "))
        case "parts":
            return "；".join(_in_chinese(part) or part for part in value.split("; "))
        case "rules":
            return _MAXIMUM.sub(r"\1 至 \2", value)
        case _:
            return value
