"""The sentences of certificates on paper, in both languages: page and PDF take them from here, and from nowhere else.

``{name}`` is a place; what stands there is data, e.g. a number or an organisation.
"""

from typing import Final

from winddown.rules.words import Word

SENTENCES: Final = {
    # titles
    "title": Word("客户信息销毁证明", "Certificate of Destruction of Customer Information"),
    "title_case": Word("客户信息销毁总证明（全案）", "Certificate of Destruction of Customer Information: Whole Case"),
    "title_order": Word("销毁指令单", "Order sheet"),
    "order_of": Word("第 {n} 份，共 {of} 份", "{n} of {of}"),
    "page": Word("第 {n} 页，共 {of} 页", "page {n} of {of}"),
    "lead": Word(
        "兹证明：上述公司在清算中，已按照经批准的方案处置本证明所列的客户信息。处置前，方案由下列人员批准；处置后，"
        "由与执行程序相互独立的检查程序逐批回读。本证明载明：做了什么、如何检查、还有什么留存及至何时，"
        "以及哪些事项不作保证。",
        "This certifies that the company named above, in its winding-up, has disposed of the customer "
        "information listed "
        "here under a plan that the persons named below approved before anything was done. Every batch was read back "
        "afterwards by code that is independent of the code that acted. This certificate states what was done, how it "
        "was checked, what remains and until when, and what is not claimed.",
    ),
    "lead_case": Word(
        "兹证明：上述公司在清算中，已按照下列各批次证明处置其客户信息。本总证明汇总各批次结果，并载明最后一批次之后"
        "仍然留存的内容、期限和负责人。",
        "This certifies that the company named above, in its winding-up, has disposed of its customer "
        "information as the "
        "certificates listed below state. It sums up their results, and states what remains after the last of them, "
        "until when, and in whose care.",
    ),
    # who and what
    "company": Word("公司", "Company"),
    "uscc": Word("统一社会信用代码", "Unified social credit code"),
    "case": Word("注销案", "Case"),
    "certificate": Word("证明编号", "Certificate no."),
    "issued_on": Word("出具日期", "Issued on"),
    "wave": Word("批次", "Wave"),
    "plan": Word("处置方案及其摘要（SHA-256）", "Plan, and its SHA-256"),
    "grace": Word("隔离宽限期", "Grace in quarantine"),
    "grace_said": Word("{duration}；{reason}", "{duration}; {reason}"),
    # results
    "results": Word("处置结果", "Results"),
    "result": Word("结果", "Result"),
    "records": Word("记录数", "Records"),
    "records_note": Word(
        "已移交和已匿名化的记录随后从源头删除，因此也计入已销毁；已清空字段的记录仍在原处，也计入其保留结果。",
        "Records that were handed over or made anonymous were then erased at the source, so they count as destroyed "
        "too; records that lost fields stay where they are and count under what remains too.",
    ),
    "destroyed": Word("已销毁", "destroyed"),
    "minimised": Word("已清空不需要的字段", "lost the fields that no duty needs"),
    "handed over": Word("已移交", "handed over"),
    "anonymised": Word("已匿名化", "made anonymous"),
    "erase": Word("留待后续批次", "due in a later wave"),
    "anonymise": Word("待匿名化", "to be made anonymous"),
    "store_only": Word("仅存储", "storage only"),
    "hand_over": Word("待移交", "to be handed over"),
    "held": Word("法律保全", "under a legal hold"),
    "blocked": Word("待决定", "not decided"),
    # what winddown itself held
    "own_traces": Word("本系统自身痕迹的销毁", "What winddown itself held, destroyed"),
    "folder": Word("文件夹", "Folder"),
    "files": Word("文件数", "Files"),
    "own_unlinked": Word("删除文件", "files unlinked"),
    "own_overwritten_and_unlinked": Word(
        "密钥覆写、同步后删除（crypto erase）", "the key overwritten, synced and unlinked (crypto erase)"
    ),
    "own_traces_note": Word(
        "案件密钥最后销毁；其他文件均以该密钥或接收方公钥加密。账本与方案保留，其中的摘要以该密钥加盐，密钥销毁后无从试探。",
        "The case's key went last; the other files were encrypted under it or to their receivers' keys. Ledger and "
        "plans stay: digests in them were salted with that key, so nobody can try out any more what they stand for.",
    ),
    # methods and outcomes
    "methods": Word("方法与 NIST SP 800-88 Rev. 2 结果", "Methods and outcomes under NIST SP 800-88 Rev. 2"),
    "act": Word("处置", "Act"),
    "method": Word("方法", "Method"),
    "outcome": Word("NIST 结果等级", "NIST outcome"),
    "orders": Word("指令数", "Orders"),
    "outcome_clear": Word("Clear（清除）", "Clear"),
    "outcome_purge": Word("Purge（密码擦除）", "Purge (crypto erase)"),
    "outcome_none": Word("不主张任何结果等级", "none claimed"),
    "outcome_copy": Word("不适用（仅复制）", "not applicable (copied only)"),
    "quarantine_copy": Word(
        "等待清除期间的加密副本：其密钥已销毁（crypto erase 技术）",
        "the encrypted copy that waited for the purge: its key was destroyed (crypto erase, as a technique)",
    ),
    "company_key": Word("公司密钥", "The company's key"),
    "company_key_said": Word(
        "已销毁（crypto erase）；锁定留存的版本 {locked} 个；其他副本：{copies}",
        "destroyed (crypto erase); {locked} versions stay locked; of its other copies: {copies}",
    ),
    "outcomes_note": Word(
        "Clear 指经逐批回读，记录已不在，且在所能读取的原始字节中检索本指令所涉集合的抽样值均未命中。"
        "仅执行数据库删除语句不构成 Clear，更不称为 Purge。Purge 仅指密文所用的公司密钥已销毁、"
        "且不持密钥者均被拒绝读取的对象；Destroy 是针对介质的结果，本证明不作此主张。程序自身所称“清除”"
        "（purge）是一个处置阶段，不是上述结果等级。",
        "Clear: every batch was read back as gone, and sampled values of the order's collection were not found in "
        "the raw bytes that could be read. "
        "A deletion by a database's statement alone is no Clear, and is never called Purge. Purge is said only of "
        "objects that lay under a key of the company's that was destroyed, and are refused to whoever asks without it; "
        "Destroy is an outcome for a medium, and is not claimed. The program's own stage of the name “purge” is not "
        "that "
        "outcome.",
    ),
    # people
    "approved": Word("批准", "Approved by"),
    "person": Word("姓名", "Name"),
    "role": Word("身份", "Role"),
    "approved_at": Word("批准时间", "Approved at"),
    "door": Word("方式", "By"),
    "door_api_session": Word("登录后在系统中批准", "own login, in the system"),
    "door_signature": Word("本人密钥签名", "signature with the person's own key"),
    "executed": Word("执行", "Carried out by"),
    "executed_by": Word("winddown 程序，版本 {version}", "the program winddown, version {version}"),
    "executed_at": Word("执行时间", "Carried out"),
    "from_to": Word("{first} 至 {last}，共 {batches} 批", "{first} to {last}, in {batches} batches"),
    "rule_packs": Word("规则包", "Rule packs"),
    # checks
    "read_back_by": Word("检查", "Verification"),
    "verified": Word("检查与确认", "Verification and validation"),
    "store": Word("系统", "Store"),
    "live": Word("仍在的记录", "Records still live"),
    "leftovers": Word("遗留", "Leftovers"),
    "bytes": Word("检索字节", "Bytes searched"),
    "found": Word("命中 / 检索值", "Found / values sought"),
    "finding": Word("结论与范围", "Finding, and its reach"),
    "validation": Word("确认结果", "Validation"),
    "validation_passed": Word(
        "通过：查询不到，且所能读取的原始字节中没有该集合的抽样值",
        "passed: gone by every query, and the collection's sampled values from all bytes that could be read",
    ),
    "validation_limited": Word(
        "有限通过：查询不到；原始字节未能检索，或尚有管理员待办事项",
        "limited: gone by every query; raw bytes were not searched, or the administrator still has to act",
    ),
    "validation_not_applicable": Word(
        "不适用：没有从系统中取走内容", "not applicable: nothing was taken from the store"
    ),
    "read_back": Word(
        "{batches} 批，每批处置后由独立程序另行回读，0 项不符",
        "{batches} batches, each read back by independent code after the act, 0 contradictions",
    ),
    "copy_checked": Word(
        "写出的内容与所选记录核对一致后才允许删除源记录",
        "what was written was compared with the selected records before the source could go",
    ),
    # what remains
    "residuals": Word("残留及期限", "Residuals, and until when"),
    "where": Word("位置", "Where"),
    "what": Word("内容", "What"),
    "until": Word("至", "Until"),
    "open": Word("未定", "open"),
    "next": Word("下一步", "Next action"),
    "next_said": Word("{action}（{who}）", "{action} ({who})"),
    "next_said_on": Word("{on} 起：{action}（{who}）", "from {on}: {action} ({who})"),
    "next_later_wave": Word("由本案后续批次处置", "goes with a later wave of this case"),
    "next_erase_when_over": Word("期满后由保管方删除", "its keeper erases it"),
    "next_name_keeper": Word("终止前指定保管方", "name a keeper before the company ends"),
    "next_review_hold": Word("保全解除后重新决定", "decide anew when the hold is released"),
    "next_decide": Word("补充所缺信息并作出决定", "supply what is missing and decide"),
    "next_confirm_expiry": Word("确认已到期消失", "confirm that it has expired"),
    "next_find_out": Word("向系统管理员查明何时消失", "ask the store's administrator when it goes"),
    "next_remove": Word("删除并确认", "remove it, and confirm that"),
    "remaining": Word("留存的记录", "Records that remain"),
    "collection": Word("集合", "Collection"),
    "kind": Word("记录类别", "Records of"),
    "count": Word("数量", "Count"),
    "not_counted": Word("未计数", "not counted"),
    "custodian": Word("保管方", "In care of"),
    "nobody_yet": Word("尚无", "nobody yet"),
    "readable_by": Word("仍可读取：{who}", "can still read: {who}"),
    "nobody": Word("无", "nobody"),
    "grounds_ref": Word("依据", "Grounds"),
    "grounds": Word("依据条文与事实", "Grounds: rules, and the facts that they met"),
    "none": Word("无。", "None."),
    # hand-overs and extracts
    "handed": Word("移交与签收", "Hand-overs and receipts"),
    "receiver": Word("接收方", "Received by"),
    "archive": Word("加密档案及其 SHA-256", "Encrypted archive, and its SHA-256"),
    "keep_until": Word("保管至", "To be kept until"),
    "acknowledged": Word("签收", "Receipt given by"),
    "not_acknowledged": Word("未签收", "no receipt"),
    "extract": Word("匿名摘录及其 SHA-256", "Anonymous extract, and its SHA-256"),
    "extract_said": Word(
        "写出 {written} 行，略去 {suppressed} 行；每种组合至少由 {k} 人共有",
        "{written} rows written, {suppressed} left out; every combination is shared by {k} persons or more",
    ),
    # orders
    "order": Word("指令", "Order"),
    "cluster": Word("个人信息集群（ISO/IEC 27555）", "PII cluster (ISO/IEC 27555)"),
    "cluster_said": Word(
        "类别 {category}；目的：{purpose}；涉及 {about}；负责人 {steward}",
        "category {category}; purpose: {purpose}; about {about}; steward {steward}",
    ),
    "not_registered": Word("未登记", "not registered"),
    "about_customers": Word("客户", "customers"),
    "about_employees": Word("员工", "employees"),
    "about_merchants": Word("商户", "merchants"),
    "about_nobody": Word("无特定人", "nobody"),
    "place": Word("系统与地区", "Store and region"),
    "place_said": Word("{store}（{kind}），地区 {region}", "{store} ({kind}), region {region}"),
    "selection": Word("所选记录", "Records selected"),
    "selection_said": Word("{label}，{records} 条", "{records} records: {label}"),
    "fields": Word("字段", "Fields"),
    "all_fields": Word("整条记录", "whole records"),
    "left": Word("留下部分", "A part stays"),
    "purged": Word("已清除", "Purged"),
    "purged_said": Word("{records} 条", "{records} records"),
    "purged_fields": Word("{records} 条记录的上述字段值", "the values of these fields in {records} records"),
    "purged_nothing": Word(
        "不适用：本指令只复制；源记录由另一指令删除", "not applicable: it copies; another order erases"
    ),
    "manifest": Word("所选记录清单的加盐摘要", "Salted digest of the selection's keys"),
    "rule": Word("删除规则及依据", "Deletion rule, and its ground"),
    "why_method": Word("为何采用该方法", "Why this method"),
    "exceptions": Word("例外", "Exceptions"),
    "residual_here": Word("本系统的残留", "Residuals of this store"),
    # the whole case
    "parts": Word("各批次证明", "Certificates of the waves"),
    "entry": Word("账本序号", "Ledger entry"),
    "digest": Word("摘要（SHA-256）", "SHA-256"),
    # the rest
    "preconditions": Word("处置前已核对的法定期限与事件", "Legal clocks and events checked before"),
    "late": Word("{sentence}（逾期）", "{sentence} (late)"),
    "not_claimed": Word("不作保证的事项", "What is not claimed"),
    "position": Word("账本位置与核验", "Ledger position, and how to verify"),
    "position_index": Word("第 {index} 条", "entry {index}"),
    "origin": Word("账本（检查点来源）", "Ledger (checkpoint origin)"),
    "leaf": Word("叶哈希", "Leaf hash"),
    "certificate_digest": Word("证明文件摘要（SHA-256）", "SHA-256 of the certificate document"),
    "position_note": Word(
        "二维码载有上述账本位置。签名文件 {id}.json 为准；本页与之不一致时，以签名文件为准。本页的摘要记于账本最后一次"
        "报告条目，随附审计包的 verify.py 可离线核验，无需信任出具人。",
        "The QR code carries this position. The signed document {id}.json counts; where this page differs "
        "from it, that "
        "document is right. The digest of this page stands in the ledger's last report entry; verify.py, which comes "
        "with the auditor's bundle, checks both offline and without trust in whoever issued them.",
    ),
    "position_note_case": Word(
        "二维码载有最后一批次证明的账本位置。本总证明的摘要记于账本最后一次报告条目；各批次的签名文件为准。",
        "The QR code carries the position of the last wave's certificate. The digest of this page stands in "
        "the ledger's "
        "last report entry; the signed documents of the waves count.",
    ),
    "signatures": Word("签署", "Signatures"),
    "signatures_note": Word(
        "以下人员确认：已阅读本证明，其内容与其所知相符。",
        "The persons below confirm that they have read this certificate and that it agrees with what they know.",
    ),
    "sign_name": Word("姓名", "Name"),
    "sign_here": Word("签字（盖章）", "Signature (and seal)"),
    "sign_on": Word("日期", "Date"),
}
