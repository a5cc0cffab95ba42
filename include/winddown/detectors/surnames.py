"""Chinese surnames, written in simplified characters, the usual ones also in traditional ones.

Source: the Hundred Family Surnames (百家姓), the most frequent of today first. Rare surnames are missing, and many that
are here also begin ordinary words (高, 白, 成): a surname is a hint, and only a column's counts make evidence of it.
"""

COMMON = "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何林罗羅高"
"""The twenty most frequent; about half of the population bears one of them."""

SINGLE = COMMON + (
    "郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江"
    "尹薛闫雷龙黎史陶贺毛段郝顾龚邵覃武钱戴严莫孔向汤文洪欧季康温芦俞葛柴申易倪柯牛符阮齐左章鲁耿庄兰殷翟庞聂焦"
    "岳褚施鲍华费岑滕毕邬安常乐傅皮卞伍元卜平和穆萧湛祁禹狄米贝明臧计伏成谈茅纪舒屈项祝阚蓝闵席麻强路娄危童颜"
    "梅盛刁骆樊凌霍虞万支昝管缪干解宗宣贲郁单杭包诸裴荣翁荀羊甄曲封储靳井富巫乌巴弓牧隗山谷车宓蓬郗班仰仲伊宫宁"
    "仇栾厉戎祖刘景詹束幸司韶郜蓟薄印宿怀蒲邰从鄂索咸籍赖卓蔺屠蒙池乔阴胥苍闻莘党翟贡劳逄姬冉宰郦雍璩桑桂濮"
    "寿边扈燕冀郏浦尚农别晏瞿阎充慕连茹习宦艾鱼容古慎戈庾终暨居衡步耿满弘匡国寇广禄阙东殴利蔚越夔隆师巩厍晁勾敖"
    "融冷訾辛那简饶空沙乜养鞠须丰巢关蒯相查后荆红游竺权逯盖益桓公涂揭佘佟仝鹿苗苑芮戚粟佐旷区楚应柳原仉展植雒邢"
    "鄭謝許韓馮鄧蕭葉呂蘇盧蔣賈鄒龍萬錢嚴賴鍾譚陸莊蘭顧蔡曾梁宋唐沈潘簡游詹鄔倪戴魏薛闕塗連湯韋範盧駱齊龐聶單喬紀歐閻"
)
COMPOUND = (
    "欧阳",
    "司马",
    "上官",
    "诸葛",
    "东方",
    "皇甫",
    "尉迟",
    "公孙",
    "令狐",
    "慕容",
    "司徒",
    "夏侯",
    "轩辕",
    "宇文",
    "长孙",
    "端木",
    "独孤",
    "南宫",
    "西门",
    "百里",
    "呼延",
    "闻人",
    "申屠",
    "钟离",
    "澹台",
    "淳于",
    "单于",
    "太史",
    "鲜于",
    "闾丘",
    "万俟",
    "拓跋",
)
